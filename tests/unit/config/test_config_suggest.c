#include "config/config_suggest.h"

#include <stdint.h>
#include <string.h>

#include <criterion/criterion.h>

Test(config_suggest, measures_distance)
{
    static const struct { const char *a, *b; size_t distance; } cases[] = {
        { "", "", 0 }, { "", "abc", 3 }, { "abc", "", 3 }, { "abc", "abc", 0 },
        { "abc", "abd", 1 }, { "abc", "ab", 1 }, { "abc", "abcd", 1 },
        { "abc", "acb", 1 }, { "ABC", "abc", 0 }, { "listne", "listen", 1 },
        { "kitten", "sitting", 3 }, { "abc", "xyz", 3 }, { "ab", "ba", 1 },
        { "log-level", "log_level", 1 },
    };
    char longest[66];

    for (size_t i = 0; i < COUNT(cases); i++)
        cr_expect_eq(config_suggest_distance(cases[i].a, cases[i].b),
            cases[i].distance, "%s %s", cases[i].a, cases[i].b);
    memset(longest, 'a', 65);
    longest[65] = '\0';
    cr_expect_eq(config_suggest_distance(longest, longest), SIZE_MAX);
    cr_expect_eq(config_suggest_distance(longest + 1, longest + 1), 0);
}

Test(config_suggest, knows_what_was_meant)
{
    static const struct {
        enum option_scope scope;
        const char *name, *want;
    } cases[] = {
        { OPTION_SERVICE, "listne", "did you mean \"listen\"?" },
        { OPTION_SERVICE, "conect", "did you mean \"connect\"?" },
        { OPTION_SERVICE, "LISTEN", "did you mean \"listen\"?" },
        { OPTION_SERVICE, "timeout.conect",
            "did you mean \"timeout.connect\"?" },
        { OPTION_SERVICE, "timeout_idle", "did you mean \"timeout.idle\"?" },
        { OPTION_SERVICE, "max-connections",
            "did you mean \"max_connections\"?" },
        { OPTION_SERVICE, "listen.verfy", "did you mean \"listen.verify\"?" },
        { OPTION_SERVICE, "cert",
            "did you mean \"listen.cert\" or \"connect.cert\"?" },
        { OPTION_SERVICE, "certt",
            "did you mean \"listen.cert\" or \"connect.cert\"?" },
        { OPTION_SERVICE, "backlog", "did you mean \"listen.backlog\"?" },
        { OPTION_SERVICE, "sni", "did you mean \"connect.sni\"?" },
        { OPTION_SERVICE, "connect.mode", "only \"listen.mode\" exists" },
        { OPTION_SERVICE, "log_level", "it belongs in [global]" },
        { OPTION_SERVICE, "log_levle",
            "did you mean \"log_level\", which belongs in [global]?" },
        { OPTION_GLOBAL, "log_levle", "did you mean \"log_level\"?" },
        { OPTION_GLOBAL, "logs", "did you mean \"log\"?" },
        { OPTION_GLOBAL, "splice", "it belongs in [service NAME]" },
        { OPTION_GLOBAL, "zebra", "\"sallyport help\" lists them all" },
        { OPTION_SERVICE, "zebra", "\"sallyport help\" lists them all" },
        { OPTION_SERVICE, "listen.zebra", "\"sallyport help\" lists them all" },
        { OPTION_SERVICE, "", "\"sallyport help\" lists them all" },
    };
    char text[128];

    for (size_t i = 0; i < COUNT(cases); i++)
        cr_expect_str_eq(config_suggest_option(cases[i].scope, cases[i].name,
            text, sizeof(text)), cases[i].want, "%s", cases[i].name);
}
