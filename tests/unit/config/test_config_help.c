#include "config/config_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "config/config_options.h"

/* What is written, allocated; `*known` is what config_help() says. */
static char *
help(const char *option, bool *known)
{
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    *known = config_help(option, out);
    fclose(out);
    return text;
}

Test(config_help, lists_every_option)
{
    bool known;
    char *text = help(NULL, &known);

    cr_expect(known);
    for (size_t i = 0; i < config_option_count(); i++) {
        const struct option *option = config_option_at(i);

        cr_expect(strstr(text, option->name) != NULL
            || strstr(text, config_option_leg_name(option)) != NULL, "%s",
            option->name);
        cr_expect(strstr(text, option->help) != NULL, "%s", option->name);
    }
    free(text);
}

Test(config_help, tells_about_every_option)
{
    for (size_t i = 0; i < config_option_count(); i++) {
        const struct option *option = config_option_at(i);
        bool known;
        char *text = help(option->name, &known), *rest = text, *line;

        cr_expect(known, "%s", option->name);
        cr_expect_not_null(strstr(text, "Value:   "));
        cr_expect_not_null(strstr(text, "Default: "));
        while ((line = strsep(&rest, "\n")) != NULL)
            cr_expect_leq(strlen(line), 80, "%s", line);
        free(text);
    }
}

Test(config_help, understands_a_name_without_its_leg)
{
    static const struct { const char *name, *part; } cases[] = {
        { "cert", "listen.cert, in" }, { "cert", "connect.cert, in" },
        { "*.cert", "connect.cert, in" }, { "sni", "connect.sni, in" },
        { "max_connections", "max_connections, in [global]" },
        { "max_connections", "max_connections, in [service NAME]" },
        { "timeout.connect", "Default: 5s" },
        { "listen.verify", "none, optional or required" },
        { "connect.verify", "none or required" },
        { "listen", "none, it must be written" },
        { "timeout.idle", "a time from 1s to 365d (ms, s, m, h, d), or off" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        bool known;
        char *text = help(cases[i].name, &known);

        cr_expect(known);
        cr_expect(strstr(text, cases[i].part) != NULL, "%s: %s not in\n%s",
            cases[i].name, cases[i].part, text);
        free(text);
    }
}

Test(config_help, suggests)
{
    bool known;
    char *text = help("certt", &known);

    cr_expect_not(known);
    cr_expect_str_eq(text, "there is no option \"certt\"; did you mean "
        "\"listen.cert\" or \"connect.cert\"?\n");
    free(text);
}
