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
    char text[CONFIG_HINT_SIZE];

    for (size_t i = 0; i < COUNT(cases); i++)
        cr_expect_str_eq(config_suggest_option(cases[i].scope, cases[i].name,
            "x", text), cases[i].want, "%s", cases[i].name);
}

/* Promise 37 */
Test(config_suggest, asks_which_timeout_with_the_value_that_was_given)
{
    static const struct {
        enum option_scope scope;
        const char *value, *want;
    } cases[] = {
        { OPTION_SERVICE, "30", "there are several: write timeout.connect = 30s, "
            "timeout.handshake = 30s, timeout.sniff = 30s, timeout.idle = 30s, "
            "timeout.half_close = 30s or timeout.lifetime = 30s" },
        { OPTION_SERVICE, "30s", "write timeout.connect = 30s, " },
        { OPTION_SERVICE, "1500ms", "write timeout.connect = 1500ms, " },
        { OPTION_SERVICE, "1h", "write timeout.idle = 1h, timeout.half_close = "
            "1h or timeout.lifetime = 1h" },
        { OPTION_SERVICE, "0", "write timeout.idle = off, " },
        { OPTION_SERVICE, "off", "write timeout.idle = off, " },
        { OPTION_SERVICE, "client 5m", "write timeout.connect = 30s, " },
        { OPTION_SERVICE, NULL, "write timeout.connect = 30s, " },
        { OPTION_SERVICE, "99999999999999999999", "timeout.connect = 30s" },
        { OPTION_GLOBAL, "30", "there are several: in [service NAME] or "
            "[defaults] write timeout.connect = 30s, " },
    };
    char text[CONFIG_HINT_SIZE];

    for (size_t i = 0; i < COUNT(cases); i++)
        cr_expect_not_null(strstr(config_suggest_option(cases[i].scope,
            "timeout", cases[i].value, text), cases[i].want), "%s: %s",
            cases[i].value, text);
}
