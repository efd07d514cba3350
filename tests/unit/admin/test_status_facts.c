#include "admin/status_facts.h"

#include <string.h>

#include <criterion/criterion.h>

static struct status_facts facts;

static bool
parse(const char *text)
{
    return status_facts_parse(&facts, text, strlen(text));
}

Test(status_facts, arrive_as_they_were)
{
    struct status_facts sent = {
        .version = "0.1.0", .config = "/etc/sallyport/a b.ini", .pid = 17,
        .started_ms = UINT64_MAX, .generation = 3, .workers = 4,
        .reload = RELOAD_FAILED, .reload_s = 1767323045,
        .reload_text = "x.ini:3: [service web] listen: no",
        .sandbox = "kill", .not_enforced = "this; that",
    };
    char text[STATUS_FACTS_SIZE];
    size_t length = status_facts_format(&sent, text);

    cr_assert(status_facts_parse(&facts, text, length));
    cr_expect_str_eq(facts.version, sent.version);
    cr_expect_str_eq(facts.config, sent.config);
    cr_expect_eq(facts.pid, 17);
    cr_expect_eq(facts.started_ms, UINT64_MAX);
    cr_expect_eq(facts.generation, 3);
    cr_expect_eq(facts.workers, 4);
    cr_expect_eq(facts.reload, RELOAD_FAILED);
    cr_expect_eq(facts.reload_s, sent.reload_s);
    cr_expect_str_eq(facts.reload_text, sent.reload_text);
    cr_expect_str_eq(facts.sandbox, "kill");
    cr_expect_str_eq(facts.not_enforced, "this; that");
}

Test(status_facts, that_are_empty_arrive_too)
{
    struct status_facts sent = { .reload = RELOAD_NONE };
    char text[STATUS_FACTS_SIZE];
    size_t length = status_facts_format(&sent, text);

    cr_assert(status_facts_parse(&facts, text, length));
    cr_expect_str_eq(facts.version, "");
    cr_expect_eq(facts.reload, RELOAD_NONE);
}

/* Promise 29 */
Test(status_facts, of_any_bytes_stay_within_their_line)
{
    struct status_facts sent = { .pid = 1 };
    char text[STATUS_FACTS_SIZE];

    memset(sent.config, '\n', sizeof(sent.config) - 1);
    memset(sent.version, '\xff', sizeof(sent.version) - 1);
    strcpy(sent.reload_text, "a\npid 2");
    cr_assert(status_facts_parse(&facts, text,
        status_facts_format(&sent, text)));
    cr_expect_eq(facts.pid, 1);
    cr_expect_str_eq(facts.reload_text, "a\\x0apid 2");
    cr_expect(strstr(facts.config, "...") != NULL);
    cr_expect_lt(strlen(facts.config), sizeof(facts.config));
}

Test(status_facts, that_are_long_are_cut)
{
    char longer[2000] = "";

    memset(longer, 'x', sizeof(longer) - 1);
    STATUS_FACTS_SET(facts.reload_text, longer);
    cr_expect_eq(strlen(facts.reload_text), sizeof(facts.reload_text) - 1);
    cr_expect_str_eq(strrchr(facts.reload_text, 'x') + 1, "...");
}

Test(status_facts, are_judged)
{
    static const struct { const char *text; bool want; } cases[] = {
        { "", true },
        { "pid 1\n", true },
        { "later 7\n", true },
        { "reload ok\n", true },
        { "config \n", true },
        { "config \x1b[31m\n", true },
        { "pid 1", false },
        { "pid\n", false },
        { "\n", false },
        { "pid x\n", false },
        { "pid -1\n", false },
        { "pid 99999999999999999999\n", false },
        { "reload maybe\n", false },
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        cr_expect_eq(parse(cases[i].text), cases[i].want, "%s",
            cases[i].text);
    cr_expect(!status_facts_parse(&facts, "config a\0b\n", 11));
    cr_assert(parse("config \x1b[31m\n"));
    cr_expect_str_eq(facts.config, "\\x1b[31m");
}
