#include "admin/control_request.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

static enum control_verdict
verdict_of(const char *text)
{
    struct control_request request;

    return control_request_parse(text, strlen(text), &request);
}

Test(control_request, understands_each_request)
{
    static const struct {
        const char *line;
        enum verb verb;
        const char *name;
        bool json;
    } cases[] = {
        { "status\n", VERB_STATUS, "", false },
        { "status json\n", VERB_STATUS, "", true },
        { "reload\n", VERB_RELOAD, "", false },
        { "upgrade\n", VERB_UPGRADE, "", false },
        { "version\n", VERB_VERSION, "", false },
        { "certs\n", VERB_CERTS, "", false },
        { "certs json\n", VERB_CERTS, "", true },
        { "drain web\n", VERB_DRAIN, "web", false },
        { "drain json\n", VERB_DRAIN, "json", false },
        { "drain \xc3\xa9\"\\\n", VERB_DRAIN, "\xc3\xa9\"\\", false },
        { "drain 1234567890123456789012345678901234567890\n", VERB_DRAIN,
            "1234567890123456789012345678901234567890", false },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *line = cases[i].line;
        size_t length = strlen(line);
        struct control_request request;
        char again[CONTROL_LINE_MAX + 1];

        for (size_t size = 0; size < length; size++)
            cr_expect_eq(control_request_parse(line, size, &request),
                CONTROL_MORE, "%zu bytes of %s", size, line);
        cr_assert_eq(control_request_parse(line, length, &request),
            CONTROL_DONE, "%s", line);
        cr_expect_eq(request.verb, cases[i].verb, "%s", line);
        cr_expect_str_eq(request.name, cases[i].name);
        cr_expect_eq(request.json, cases[i].json, "%s", line);
        cr_expect(control_request_format(&request, again));
        cr_expect_str_eq(again, line);
    }
}

Test(control_request, refuses_what_is_none)
{
    static const char *const cases[] = {
        "\n", " \n", "stat\n", "statusx\n", "status \n", " status\n",
        "STATUS\n", "status  json\n", "status\r\n", "status json \n",
        "reload now\n", "version json\n", "version --running\n",
        "status\nstatus\n", "status\n\n", "drain\n",
        "drain \n", "drain a b\n", "drain a\tb\n", "drain \x7f\n",
        "drain 12345678901234567890123456789012345678901\n",
        "drain web \n", "GET / HTTP/1.0\r\n\r\n",
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        cr_expect_eq(verdict_of(cases[i]), CONTROL_BAD, "%s", cases[i]);
}

Test(control_request, refuses_a_nul)
{
    struct control_request request;

    cr_expect_eq(control_request_parse("status\0\n", 8, &request),
        CONTROL_BAD);
    cr_expect_eq(control_request_parse("drain a\0b\n", 10, &request),
        CONTROL_BAD);
}

Test(control_request, bounds_the_line)
{
    char line[CONTROL_LINE_MAX + 1];
    struct control_request request;

    memset(line, 'x', sizeof(line));
    cr_expect_eq(control_request_parse(line, CONTROL_LINE_MAX - 1, &request),
        CONTROL_MORE);
    cr_expect_eq(control_request_parse(line, CONTROL_LINE_MAX, &request),
        CONTROL_BAD);
    line[CONTROL_LINE_MAX] = '\n';
    cr_expect_eq(control_request_parse(line, sizeof(line), &request),
        CONTROL_BAD);
}

/* What could not be a name must not become another request. */
Test(control_request, asks_for_services_only)
{
    static const char *const names[] = { "", " ", "a b", "a\nreload", "\t" };
    char line[CONTROL_LINE_MAX + 1];

    for (size_t i = 0; i < COUNT(names); i++) {
        struct control_request request = { .verb = VERB_DRAIN };

        snprintf(request.name, sizeof(request.name), "%s", names[i]);
        cr_expect_not(control_request_format(&request, line), "%s", names[i]);
    }
}
