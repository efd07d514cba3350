#include "config/config_dump.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "config/config_load.h"
#include "loading.h"

/* The comments name the lines of another file. */
static void
drop_comments(char *text)
{
    char *to = text;

    for (const char *from = text; *from != '\0'; from++) {
        if (*from == ';' && (from == text || strchr(" \n", from[-1]))) {
            from += strcspn(from, "\n") - 1;
            while (to > text && to[-1] == ' ')
                to--;
        } else {
            *to++ = *from;
        }
    }
    *to = '\0';
}

Test(config_dump, loads_again_to_the_same)
{
    static const char *const cases[] = {
        "[service a]\nlisten = :1\nconnect = x:1\n",
        "[service a]\nlisten = tls://:1\nlisten = unix:/x\nlisten.cert = c\n"
            "connect = tls://x:1\nconnect = y:2\n"
            "[service b]\nlisten = :2\nconnect = unix:@y\n",
        "[global]\nlog = file:/x y\nlog_level = warn\nlog_format = json\n"
            "max_connections = 5\ndrain_timeout = 0s\n"
            "[defaults]\nlisten.cert = a\nlisten.keepalive = 2m 3s 4\n"
            "listen.mode = 0600\nconnect.alpn = h2, http/1.1\n"
            "timeout.half_close = off\ntruncation = tolerate\n"
            "[service a]\nlisten = tls://:1\nconnect = tls://x:1\n"
            "connect.ciphers = A:B\nconnect.ciphers = C\nconnect.sni = none\n"
            "connect.name = Example.NET\nlisten.user_timeout = 1500ms\n"
            "listen.receive_buffer = 65536\nmax_connections = 7\n"
            "listen.session_tickets = no\n"
            "[service b]\nlisten = unix:/b\nconnect = x:1\nsplice = never\n"
            "listen.owner = u:g\n",
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct config *config = loading_good(cases[i]), *again;
        char *text = loading_dump(config), *again_text;

        again = loading_good(text);
        again_text = loading_dump(again);
        drop_comments(text);
        drop_comments(again_text);
        cr_expect_str_eq(text, again_text);
        config_unref(config);
        config_unref(again);
        free(text);
        free(again_text);
    }
}

Test(config_dump, says_where_each_value_came_from)
{
    struct config *config = loading_good(
        "[global]\nlog_level = debug\n[defaults]\nsplice = never\n"
        "[service a]\nlisten = :1\nlisten = :2\nconnect = x:1\n");
    static const char *const parts[] = {
        "log_level                  = debug                        ; t.ini:2\n",
        "log_format                 = text                         ; default\n",
        "[service a] ; t.ini:5\n",
        "listen                     = :1                           ; t.ini:6\n",
        "listen                     = :2                           ; t.ini:7\n",
        ("splice                     = never                        ; "
         "[defaults] t.ini:4\n"),
    };
    char *text = loading_dump(config);

    for (size_t i = 0; i < COUNT(parts); i++)
        cr_expect(strstr(text, parts[i]) != NULL, "%s not in\n%s", parts[i],
            text);
    free(text);
    config_unref(config);
}

Test(config_dump, leaves_out_what_means_nothing)
{
    struct config *config = loading_good(
        "[service a]\nlisten = :1\nconnect = tls://x:1\n");
    char *text = loading_dump(config);

    cr_expect_null(strstr(text, "listen.verify "));
    cr_expect_null(strstr(text, "listen.mode"));
    cr_expect_not_null(strstr(text, "connect.verify "));
    cr_expect_not_null(strstr(text, "; connect.name is not set\n"));
    free(text);
    config_unref(config);
}

/* A value that fills its line is written without what makes it fair. */
Test(config_dump, keeps_lines_short_enough_to_load)
{
    char line[200] = "connect.ca=/", text[400];
    struct config *config, *again;
    char *dump;

    memset(line + strlen(line), 'a', 198 - strlen(line));
    snprintf(text, sizeof(text), "[service a]\nlisten = :1\n"
        "connect = tls://x:1\n%s\n", line);
    config = loading_good(text);
    dump = loading_dump(config);
    again = loading_good(dump);
    cr_expect_str_eq(again->services[0].connect_leg.ca.items[0],
        config->services[0].connect_leg.ca.items[0]);
    free(dump);
    config_unref(config);
    config_unref(again);
}

Test(config_dump, a_file_name_cannot_break_the_line)
{
    struct error error = { 0 };
    const char *good = "[service a]\nlisten = :1\nconnect = x:1\n";
    struct config *config = config_load_text("a\nb = c\x1b", good,
        strlen(good), &error);
    char *text;

    cr_assert_not_null(config);
    text = loading_dump(config);
    cr_expect_null(strstr(text, "\nb = c"));
    cr_expect_not_null(strstr(text, "; a\\x0ab = c\\x1b:2\n"));
    free(text);
    config_unref(config);
}
