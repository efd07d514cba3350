#include "config/config_values.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "config/config.h"
#include "config/config_options.h"
#include "loading.h"

static const char text[] =
    "[defaults]\n"
    "connect.crl = /crl/a.pem\n"                 /* 2 */
    "connect.crl = /crl/b.pem\n"
    "[service x]\n"
    "listen = tls://*:1\n"                       /* 5 */
    "connect = tls://b:2\n"
    "listen.cert = /a.pem\n"
    "listen.cert = /b.pem\n"                     /* 8 */
    "listen.ciphers = ECDHE-RSA-AES128-GCM-SHA256\n"
    "listen.ciphers = ONE:TWO\n"                 /* 10 */
    "connect.ca = /a.pem\n"
    "connect.ca = /dir\n"                        /* 12 */
    "connect.ca = system\n";

Test(config_values, are_found_by_what_a_message_is_about)
{
    static const struct { const char *name, *about; unsigned line; } cases[] = {
        { "listen.cert", "/a.pem", 7 },
        { "listen.cert", "/b.pem", 8 },
        { "listen.cert", "/c.pem", 7 },     /* the first, if nothing is known */
        { "listen.cert", "", 7 },
        { "listen.ciphers", "ONE", 10 },
        { "listen.ciphers", "TWO", 10 },
        { "listen.ciphers", "WO", 9 },
        { "listen.ciphers", "ECDHE-RSA-AES128-GCM-SHA256", 9 },
        { "connect.ca", "/a.pem", 11 },
        { "connect.ca", "/dir", 12 },
        { "connect.ca", "/dir/file.pem", 12 },
        { "connect.ca", "/directory", 11 },
        { "connect.ca", "system", 13 },
        { "connect.crl", "/crl/b.pem", 3 },
    };
    struct config *config = loading_good(text);

    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct origin *origin = config_values_origin(
            &config->services[0], cases[i].name, cases[i].about);

        cr_assert_not_null(origin, "%s", cases[i].about);
        cr_expect_eq(origin->line, cases[i].line, "%s %s: %u", cases[i].name,
            cases[i].about, origin->line);
    }
    cr_expect_null(config_values_origin(
        &config->services[0], "listen.key", "/a.pem"));
    config_unref(config);
}

Test(config_values, are_found_by_themselves)
{
    static const struct { const char *value, *name; unsigned line; } cases[] = {
        { "/a.pem", "listen.cert", 7 }, { "/b.pem", "listen.cert", 8 },
        { "/dir", "connect.ca", 12 }, { "/crl/b.pem", "connect.crl", 3 },
        { "/secret", "listen.passphrase_file", 14 },
    };
    char more[1000];
    const struct option *option;
    struct config *config;

    snprintf(more, sizeof(more), "%slisten.passphrase_file = /secret\n", text);
    config = loading_good(more);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct origin *origin = config_values_find(
            &config->services[0], cases[i].value, &option);

        cr_assert_not_null(origin, "%s", cases[i].value);
        cr_expect_eq(origin->line, cases[i].line, "%s", cases[i].value);
        cr_expect_str_eq(option->name, cases[i].name, "%s", cases[i].value);
    }
    cr_expect_null(
        config_values_find(&config->services[0], "/c.pem", &option));
    config_unref(config);
}
