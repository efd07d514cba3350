/* The rules of the language, as a whole file shows them. */
#include "config/config_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "loading.h"

#define GOOD "listen = 127.0.0.1:1\nconnect = b:2\n"

/* Promise 37 */
Test(config_read, says_file_line_section_and_key)
{
    static const struct { const char *in, *message; } cases[] = {
        { "x = 1\n", "t.ini:1: x: it stands before any section; begin with "
            "[global], [defaults] or [service NAME]" },
        { "\n[servce a]\n", "t.ini:2: there is no section [servce a]; did "
            "you mean [service NAME]?" },
        { "[golbal]\n", "t.ini:1: there is no section [golbal]; did you mean "
            "[global]?" },
        { "[zebra]\n", "t.ini:1: there is no section [zebra]; a service's is "
            "[service zebra]" },
        { "[upstream a]\n", "t.ini:1: there is no section [upstream a]" },
        { "[global x]\n", "did you mean [global]?" },
        { "[Global]\n", "did you mean [global]?" },
        { "[service]\n", "the service has no name" },
        { "[service ]\n", "the service has no name" },
        { "[service a b]\n", "has a blank in it" },
        { "[service  a]\n", "has a blank in it" },
        { "[ service a]\n", "there is no section" },
        { "[service 12345678901234567890123456789012345678901]\n",
            "is 41 bytes long; shorten it to at most 40" },
        { "[service a]\n" GOOD "lisen.cert = a\n", "t.ini:4: [service a] "
            "lisen.cert: there is no such option in this section; did you "
            "mean \"listen.cert\"?" },
        { "[service a]\n" GOOD "cert = a\n",
            "did you mean \"listen.cert\" or \"connect.cert\"?" },
        { "[service a]\n" GOOD "listen.sni = a\n",
            "only \"connect.sni\" exists" },
        { "[service a]\n" GOOD "log = stderr\n", "it belongs in [global]" },
        { "[global]\nlisten = :1\n", "it belongs in [service NAME]" },
        { "[global]\nzzz = 1\n", "\"sallyport help\" lists them all" },
        { "[defaults]\nlisten = :1\n", "every service has its own" },
        { "[defaults]\nconnect = a:1\n", "every service has its own" },
        { "[service a]\n" GOOD "splice = auto\n\nsplice = never\n",
            "t.ini:6: [service a] splice: it is already set at t.ini:4; "
            "write it once" },
        { "[service a]\n" GOOD "splice =\n",
            "t.ini:4: [service a] splice: the value is missing" },
        { "[service a]\n" GOOD "splice = ; never\n", "value is missing" },
        { "[service a]\n" GOOD "[service b]\nlisten = :2\nconnect = c:3\n"
            "[service a]\n" GOOD, "t.ini:7: the section [service a] is "
            "already at t.ini:1; write it once" },
        { "[global]\n[service a]\n" GOOD "[global]\n",
            "the section [global] is already at t.ini:1" },
        { "[service a]\r\nlisten = :1\r\nconnect = b:2\r\n",
            "t.ini:1: the line ends as in DOS" },
        { "[service a]\nlisten = :1\n  unix:/x\nconnect = b:2\n",
            "t.ini:3: [service a] the line is indented" },
        { "[service a]\n" GOOD "listen.backlog: 5\n", "not after ':'" },
        { "", "t.ini: there is no service" },
        { "[global]\nlog = stderr\n", "t.ini: there is no service" },
        { "[service a]\nlisten = :1\n", "t.ini:1: [service a] connect: it is "
            "missing; write connect = HOST:PORT" },
        { "[service a]\n" GOOD "listen.verify = yes\n", "t.ini:4: [service a] "
            "listen.verify: \"yes\" is not known here; write none, optional "
            "or required" },
        { "[defaults]\nsplice = x\n[service a]\n" GOOD,
            "t.ini:2: [defaults] splice: \"x\" is not known here" },
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        cr_expect(loading_fails(cases[i].in, cases[i].message),
            "%s\nshould say: %s", cases[i].in, cases[i].message);
}

/* A fault is said once, and not again as another that follows from it. */
Test(config_read, counts_every_fault_once)
{
    static const struct { const char *in; size_t count; } cases[] = {
        { "[service a]\n" GOOD, 0 },
        { "[service a]\nlisten = x\nconnect = b:2\n", 1 },
        { "[service a]\nlistne = :1\nconnect = b:2\n", 1 },
        { "[service a]\n\tlisten = :1\nconnect = b:2\n", 1 },
        { "[service a]\n", 2 },
        { "a = b\nc = d\ne = f\n", 1 },
        { "[nothing]\na = b\nc = d\n", 1 },
        { "[nothing]\na = b\n c = d\n", 2 },
        { "[service a\nlisten = :1\n", 1 },
        { "[global]\r\n[service a]\r\nlisten = :1\r\nconnect = b:2\r\n", 1 },
        { "[defaults]\nsplice = x\n[service a]\n" GOOD "[service b]\n"
            "listen = :2\nconnect = c:3\n", 1 },
        { "[defaults]\nlisten.keepalive = x\n[service a]\n" GOOD, 1 },
        { "[service a]\nlisten = q\nconnect = *:1\nsplice = x\nfoo = 1\n", 4 },
        { "[service a]\n" GOOD "splice = never\nsplice = never\n"
            "splice = never\n", 2 },
        { "[global]\nlog_level = x\n[service a]\nlisten = y\nconnect = z\n"
            "[service b]\nlisten = u\nconnect = v\n", 5 },
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        cr_expect_eq(loading_count_errors(cases[i].in), cases[i].count,
            "%zu, not %zu:\n%s", loading_count_errors(cases[i].in),
            cases[i].count, cases[i].in);
}

Test(config_read, takes_what_is_harmless)
{
    static const char *const cases[] = {
        "[service a]\n" GOOD,
        "[service a]\nlisten = :1\nconnect = b:2",      /* no last newline */
        "\n\n  \n; comment\n# comment\n   ; comment\n[service a]\n" GOOD,
        "[service a] ; one\nlisten=:1 ; two\nconnect=b:2;\n",
        "[service a]\nconnect = b:2\nlisten = :1\n",
        "[global]\n[defaults]\n[service a]\n" GOOD,
        "[service a]\n" GOOD "[defaults]\nsplice = never\n[global]\n",
        "[service 1234567890123456789012345678901234567890]\n" GOOD,
        "[service a-b_c.D]\n" GOOD,
        "[service global]\n" GOOD "[service defaults]\nlisten = :2\n"
            "connect = b:2\n",
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        if (i == 3)     /* "b:2;" is no port */
            cr_expect(loading_fails(cases[i], "write b:2"));
        else
            config_unref(loading_good(cases[i]));
    }
}

/* inih would read the tail of a line over 199 bytes as a line of its own.
 * Promise 37. */
Test(config_read, the_tail_of_a_long_line_is_not_a_line)
{
    char text[1000];

    for (int pad = 150; pad < 260; pad++) {
        snprintf(text, sizeof(text), "[service a]\nlisten = tls://:1\n"
            "connect = b:2\nlisten.cert = c\nlisten.ca = ca\n"
            "listen.verify = required ; %*s\n", pad, "listen.verify = none");
        if (strlen(strstr(text, "listen.verify")) - 1 > 198) {
            cr_expect(loading_fails(text, "t.ini:6: [service a] the line is "));
            cr_expect_eq(loading_count_errors(text), 1);
        } else {
            struct config *config = loading_good(text);

            cr_expect_eq(config->services[0].listen_leg.verify,
                VERIFY_REQUIRED);
            config_unref(config);
        }
    }
}

Test(config_read, messages_are_printable)
{
    struct error error = { 0 };

    config_unref(loading_text("[service a]\nlisten = \x1b[31m\n"
        "connect = \xe2\x80\xae:1\n\x80 = 1\n", &error));
    cr_assert_geq(error.count, 3);
    for (size_t i = 0; i < error.count; i++) {
        for (const char *at = error.messages[i]; *at != '\0'; at++)
            cr_expect(*at >= ' ' && *at <= '~');
    }
    error_clear(&error);
}

/* Promise 37 */
Test(config_read, tells_ten_faults_of_a_kind)
{
    char text[4000] = "[global]\n";
    struct error error = { 0 };

    for (int i = 0; i < 500; i++)
        strcat(text, "a: b\n");
    strcat(text, "x\n");
    cr_expect_null(loading_text(text, &error));
    cr_expect_eq(error.count, 12);
    cr_expect_eq(error_total(&error), 501);
    cr_expect_str_eq(error.messages[10], "and 490 more like these");
    cr_expect_not_null(strstr(error.messages[11], "t.ini:502: "));
    error_clear(&error);
}

/* Promise 37 */
Test(config_read, tells_faults_in_the_order_of_lines)
{
    static const unsigned lines[] = { 2, 3, 5, 8, 11, 12 };
    struct error error = { 0 };
    char place[32];

    cr_expect_null(loading_text("[global]\n"
        "log_level = loud\n"            /* a value */
        "loglevel = info\n"             /* an option */
        "[service a]\n"
        "listen = 127.0.0.1:99999\n"    /* a value */
        "connect = 127.0.0.1:9\n"
        "[service b]\n"
        "connect: 127.0.0.1:9\n"        /* a line */
        "[service c]\n"
        "listen = 127.0.0.1:1\n"
        "listen.cert = x\n"             /* what fits together */
        "connect = 127.0.0.1:1\n", &error)); /* itself */
    cr_assert_eq(error.count, COUNT(lines));
    for (size_t i = 0; i < error.count; i++) {
        snprintf(place, sizeof(place), "t.ini:%u: ", lines[i]);
        cr_expect_eq(strncmp(error.messages[i], place, strlen(place)), 0,
            "%s: %s", place, error.messages[i]);
    }
    error_clear(&error);
}

#define KEY_BODY "MIGHAgEAMBMGByqGSM49notakey\nAgEGCCqGSM49notakeyeither\n"
#define KEY "-----BEGIN PRIVATE KEY-----\n" KEY_BODY \
    "-----END PRIVATE KEY-----\n"

/* Promise 37 */
Test(config_read, repeats_nothing_of_a_pem_block)
{
    static const struct { const char *text, *said[3]; } cases[] = {
        { KEY, { "t.ini:1: this is a PEM file (PRIVATE KEY), and not a "
            "configuration" } },
        { "Bag Attributes\n  x\n" KEY KEY, { "t.ini:3: this is a PEM file" } },
        { "\n-----BEGIN CERTIFICATE-----\nMII\n", { "t.ini:2: this is a PEM "
            "file (CERTIFICATE)" } },
        { "-----BEGIN \x1b[2J\n", { "t.ini:1: this is a PEM file ()" } },
        { "[service a]\nlisten = *:1\nconnect = [::1]:2\n" KEY "x\n",
            { "t.ini:4: [service a] a PEM block (PRIVATE KEY) begins here; keep it in a "
              "file of its own", "t.ini:8: [service a] \"x\" has no '='" } },
        { "[service a]\nlisten = *:1\nconnect = [::1]:2\n"
          "listen.key = -----BEGIN PRIVATE KEY-----\n" KEY_BODY, {
            "t.ini:4: [service a] a PEM block (PRIVATE KEY) begins" } },
        { "[global]\nlog: x\n-----BEGIN X-----a-----END X-----\nlog: y\n",
            { "t.ini:2: ", "t.ini:3: [global] a PEM block (X) begins", "t.ini:4: " } },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct error error = { 0 };
        size_t count = 0;

        cr_expect_null(loading_text(cases[i].text, &error));
        while (count < COUNT(cases[i].said) && cases[i].said[count] != NULL)
            count++;
        cr_expect_eq(error.count, count, "%s", cases[i].text);
        for (size_t j = 0; j < error.count && j < count; j++)
            cr_expect_not_null(strstr(error.messages[j], cases[i].said[j]),
                "%s", error.messages[j]);
        for (size_t j = 0; j < error.count; j++)
            cr_expect_null(strstr(error.messages[j], "notakey"), "%s",
                error.messages[j]);
        error_clear(&error);
    }
}

/* Promise 37 */
Test(config_read, repeats_thirty_characters_of_what_is_wrong)
{
    static const char *const lines[] = {
        "012345678901234567890123456789SECRET",
        "012345678901234567890123456789SECRET: x",
        "[012345678901234567890123456789SECRET",
        "[012345678901234567890123456789SECRET]",
        "[service 012345678901234567890123456789SECRET x]",
        "0123456789 0123456789 0123456789SECRET = x",
        "log_level = 012345678901234567890123456789SECRET",
        "log_level = \"012345678901234567890123456789SECRET\"",
        "drain_timeout = 012345678901234567890123456789SECRET",
        "user = !12345678901234567890123456789SECRET",
        "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
        "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
        "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
        "\xc3\xa4\xc3\xa4\xc3\xa4SECRET",
    };

    for (size_t i = 0; i < COUNT(lines); i++) {
        struct error error = { 0 };
        char text[400];

        snprintf(text, sizeof(text), "[global]\n%s\n", lines[i]);
        cr_expect_null(loading_text(text, &error));
        cr_expect_geq(error.count, 1);
        cr_expect_not_null(strstr(error_first(&error), "..."), "%s",
            error_first(&error));
        cr_expect_null(strstr(error_first(&error), "SECRET"), "%s",
            error_first(&error));
        error_clear(&error);
    }
}

/* Promise 37 */
Test(config_read, says_what_each_line_of_another_program_is_here)
{
    static const struct { const char *text; const char *said[14]; } cases[] = {
        /* stunnel */
        { "pid = /x\nforeground = yes\ndebug = 7\noutput = /l\nsetuid = a\n"
          "chroot = /x\nclient = yes\nTIMEOUTidle = 1\n[redis]\naccept = 1\n"
          "connect = r:6380\nCAfile = /x\nverifyChain = yes\ncheckHost = r\n",
            { "t.ini:1: pid: that is stunnel's word; remove it",
              "t.ini:2: foreground: that is stunnel's word; remove it",
              "t.ini:3: debug: that is stunnel's word; write \"log_level\"",
              "t.ini:4: output: that is stunnel's word; write \"log\"",
              "t.ini:5: setuid: that is stunnel's word; write \"user\"",
              "t.ini:6: chroot: that is stunnel's word; remove it",
              "t.ini:7: client: TLS is asked for by the endpoint",
              "t.ini:8: TIMEOUTidle: that is stunnel's word",
              "t.ini:9: there is no section [redis]; a service's is "
                  "[service redis]",
              "t.ini:10: [service redis] accept: there is no such option in this "
                  "section; that is stunnel's word; write \"listen\"",
              "t.ini:12: [service redis] CAfile: ",
              "t.ini:13: [service redis] verifyChain: ",
              "t.ini:14: [service redis] checkHost: " } },
        /* nginx */
        { "stream {\n\tserver {\n\t\tlisten 443 ssl;\n\t\tproxy_pass a:80;\n\t}\n",
            { "t.ini:1: \"stream {\" is a line of nginx; remove it",
              "t.ini:2: \"server {\" is a line of nginx; write [service NAME]",
              "t.ini:3: \"listen 443 ssl;\" has no '='; write \"listen = "
                  "tls://*:443\"",
              "t.ini:4: \"proxy_pass a:80;\" is a line of nginx; write \"connect = "
                  "a:80\"",
              "t.ini:5: \"}\" is a line of nginx; remove it" } },
        /* HAProxy */
        { "frontend web\n    bind *:443 ssl crt /x.pem\n    mode tcp\n",
            { "t.ini:1: \"frontend web\" is a line of HAProxy; write [service web]",
              "t.ini:2: \"bind *:443 ssl crt /x.pem\" is a line of HAProxy; write "
                  "\"listen = tls://*:443\" and \"listen.cert = /x.pem\"",
              "t.ini:3: \"mode tcp\" is a line of HAProxy; remove it" } },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct error error = { 0 };
        size_t count = 0;

        cr_expect_null(loading_text(cases[i].text, &error));
        while (cases[i].said[count] != NULL)
            count++;
        cr_expect_eq(error.count, count, "%zu: %zu", i, error.count);
        for (size_t j = 0; j < error.count && j < count; j++)
            cr_expect(strncmp(error.messages[j], cases[i].said[j],
                strlen(cases[i].said[j])) == 0, "%s", error.messages[j]);
        error_clear(&error);
    }
}

/* Promise 37 */
Test(config_read, tells_ten_lines_of_another_program_and_counts_the_rest)
{
    struct error error = { 0 };
    char text[4096] = "";

    for (size_t i = 0; i < 30; i++)
        strcat(text, "proxy_pass a:80;\n");
    cr_expect_null(loading_text(text, &error));
    cr_expect_eq(error.count, 11);
    cr_expect_eq(error_total(&error), 30);
    error_clear(&error);
}
