#include "config/config_options.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "config/config.h"
#include "config/config_fault.h"
#include "config/config_line.h"
#include "config/config_type.h"

Test(config_options, every_default_is_a_value_of_its_option)
{
    for (size_t i = 0; i < config_option_count(); i++) {
        const struct option *option = config_option_at(i);
        struct global_config global = { 0 };
        struct service_config service = { 0 };
        struct fault fault = { .text = "" };
        void *base = option->scope == OPTION_GLOBAL ? (void *)&global
            : (void *)&service;

        if (option->value != NULL) {
            cr_expect(config_type_parse(option, option->value, NULL, NULL,
                base, &fault), "%s: %s", option->name, fault.text);
            cr_expect_eq(config_type_count(option, base), 1, "%s",
                option->name);
        } else {
            cr_expect_eq(config_type_count(option, base), 0, "%s",
                option->name);
        }
        config_global_clear(&global);
        config_service_clear(&service);
    }
}

Test(config_options, every_name_is_its_own)
{
    for (size_t i = 0; i < config_option_count(); i++) {
        const struct option *option = config_option_at(i);
        cr_expect_eq(config_option_find(option->scope, option->name), option,
            "%s is there twice", option->name);
        cr_expect_eq(config_option_at(config_option_index(option)), option);
        cr_expect_leq(strlen(option->name), LINE_NAME_MAX);
        for (const char *at = option->name; *at != '\0'; at++)
            cr_expect(islower(*at) || *at == '_' || *at == '.', "%s",
                option->name);
    }
    cr_expect_null(config_option_find(OPTION_GLOBAL, "listen"));
    cr_expect_null(config_option_find(OPTION_SERVICE, "log"));
    cr_expect_null(config_option_find(OPTION_SERVICE, ""));
    cr_expect_null(config_option_find(OPTION_SERVICE, "cert"));
}

Test(config_options, every_entry_is_complete)
{
    for (size_t i = 0; i < config_option_count(); i++) {
        const struct option *option = config_option_at(i);
        bool listen = option->flags & OPTION_OF_LISTEN;
        bool connect = option->flags & OPTION_OF_CONNECT;

        cr_assert_not_null(option->help, "%s", option->name);
        cr_expect_gt(strlen(option->help), 10, "%s", option->name);
        cr_expect_leq(strlen(option->help), 72, "%s", option->name);
        cr_expect_eq(option->help[strlen(option->help) - 1], '.', "%s",
            option->name);
        cr_expect_lt(option->type, OPTION_TYPE_COUNT);
        cr_expect_eq(option->words != NULL, option->type == OPTION_WORD,
            "%s", option->name);
        cr_expect_eq(strncmp(option->name, "listen", 6) == 0, listen, "%s",
            option->name);
        cr_expect_eq(strncmp(option->name, "connect", 7) == 0, connect, "%s",
            option->name);
        if (option->flags & (OPTION_TLS | OPTION_UNIX | OPTION_INET))
            cr_expect(listen || connect, "%s", option->name);
        if (option->type == OPTION_NUMBER || option->type == OPTION_MSEC
            || option->type == OPTION_SIZE)
            cr_expect_gt(option->max, option->min, "%s", option->name);
    }
}

/* Two entries for the same memory would be a slip of the table. */
Test(config_options, every_field_is_its_own)
{
    for (size_t i = 0; i < config_option_count(); i++) {
        for (size_t j = 0; j < config_option_count(); j++) {
            const struct option *a = config_option_at(i);
            const struct option *b = config_option_at(j);

            if (a != b && a->scope == b->scope)
                cr_expect_neq(a->offset, b->offset, "%s %s", a->name,
                    b->name);
        }
    }
}

Test(config_options, leg_names)
{
    static const struct { const char *in, *out; } cases[] = {
        { "listen.cert", "cert" }, { "connect.sni", "sni" },
        { "listen", "listen" }, { "timeout.idle", "timeout.idle" },
        { "splice", "splice" },
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        cr_expect_str_eq(config_option_leg_name(config_option_find(
            OPTION_SERVICE, cases[i].in)), cases[i].out);
}

/* Files, tests and manuals rely on these names. */
Test(config_options, has_the_agreed_names)
{
    static const char *const global[] = {
        "log", "log_level", "log_format", "max_connections", "drain_timeout",
        "include", "workers", "user", "group", "keeper", "keeper_user",
        "sandbox", "control", "watch", "strict_names", "ticket_secret",
        "upgrade_timeout",
    };
    static const char *const service[] = {
        "listen", "connect", "max_connections", "timeout.connect",
        "timeout.handshake", "timeout.idle", "timeout.half_close",
        "timeout.lifetime", "truncation", "splice", "log_connections",
        "log_handshake_noise", "connect.name", "connect.sni", "connect.pin",
        "listen.backlog", "listen.mode",
        "listen.owner", "listen.group", "listen.freebind", "listen.match",
        "timeout.sniff", "listen.unknown_name", "strict_certs",
    };
    static const char *const leg[] = {
        "cert", "key", "passphrase_file", "verify", "ca", "crl",
        "allow", "allow_file", "purpose", "verify_depth", "min_version",
        "max_version", "ciphers",
        "ciphersuites", "groups", "sigalgs", "alpn", "session_tickets",
        "session_lifetime", "keepalive", "user_timeout", "receive_buffer",
        "send_buffer",
    };
    char name[64];

    for (size_t i = 0; i < COUNT(global); i++)
        cr_expect_not_null(config_option_find(OPTION_GLOBAL, global[i]),
            "%s", global[i]);
    for (size_t i = 0; i < COUNT(service); i++)
        cr_expect_not_null(config_option_find(OPTION_SERVICE, service[i]),
            "%s", service[i]);
    for (size_t i = 0; i < COUNT(leg); i++) {
        snprintf(name, sizeof(name), "listen.%s", leg[i]);
        cr_expect_not_null(config_option_find(OPTION_SERVICE, name), "%s",
            name);
        snprintf(name, sizeof(name), "connect.%s", leg[i]);
        cr_expect_not_null(config_option_find(OPTION_SERVICE, name), "%s",
            name);
    }
    cr_expect_eq(config_option_count(),
        COUNT(global) + COUNT(service) + 2 * COUNT(leg));
}
