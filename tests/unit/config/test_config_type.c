#include "config/config_type.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "config/config.h"
#include "config/config_fault.h"
#include "config/config_options.h"
#include "config/config_type_rows.h"
#include "config/config_type_table.h"

static struct global_config global;
static struct service_config service;

static void
clear(void)
{
    config_global_clear(&global);
    config_service_clear(&service);
}

static void *
find(const char *name, const struct option **option)
{
    *option = config_option_find(OPTION_SERVICE, name);
    if (*option != NULL)
        return &service;
    *option = config_option_find(OPTION_GLOBAL, name);
    cr_assert_not_null(*option, "%s", name);
    return &global;
}

static bool
parse(const char *name, const char *text, struct fault *fault)
{
    const struct option *option;
    void *base = find(name, &option);

    return config_type_parse(option, text, NULL, NULL, base, fault);
}

/* All values of the option, with a '|' between them. */
static void
format(const char *name, char *text, size_t size)
{
    const struct option *option;
    void *base = find(name, &option);
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < config_type_count(option, base); i++) {
        char *value = config_type_format(option, base, i);

        used += (size_t)snprintf(text + used, size - used, "%s%s",
            i > 0 ? "|" : "", value);
        free(value);
    }
}

Test(config_type, every_row_is_complete)
{
    for (size_t i = 0; i < OPTION_TYPE_COUNT; i++) {
        const struct config_type *type = config_type_table[i];

        cr_assert_not_null(type, "%zu", i);
        cr_expect_not_null(type->parse, "%zu", i);
        cr_expect_not_null(type->format, "%zu", i);
        cr_expect_neq(type->expects != NULL, type->describe != NULL, "%zu",
            i);
    }
}

#define DIGEST "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

/* What is accepted, and how it looks when it is written out again; NULL: as
 * it came. */
Test(config_type, accepts, .fini = clear)
{
    static const struct { const char *name, *in, *out; } cases[] = {
        { "log", "stderr", NULL }, { "log", "syslog", NULL },
        { "log", "journal", NULL }, { "log", "file:/var/log/x", NULL },
        { "log_level", "error", NULL }, { "log_level", "warn", NULL },
        { "log_level", "info", NULL }, { "log_level", "debug", NULL },
        { "log_format", "json", NULL }, { "log_format", "text", NULL },
        { "drain_timeout", "0s", NULL }, { "drain_timeout", "90s", NULL },
        { "drain_timeout", "120s", "2m" }, { "include", "a/*.ini", NULL },
        { "max_connections", "1", NULL },
        { "max_connections", "10000000", NULL },
        { "max_connections", "shared", NULL },
        { "max_connections", "007", "7" },
        { "timeout.connect", "1ms", NULL }, { "timeout.connect", "10m", NULL },
        { "timeout.connect", "600s", "10m" },
        { "timeout.idle", "off", NULL }, { "timeout.idle", "1s", NULL },
        { "timeout.idle", "365d", NULL }, { "timeout.idle", "24h", "1d" },
        { "timeout.half_close", "off", NULL },
        { "timeout.lifetime", "3650d", NULL },
        { "truncation", "mirror", NULL }, { "truncation", "tolerate", NULL },
        { "splice", "auto", NULL }, { "splice", "never", NULL },
        { "log_connections", "all", NULL },
        { "log_connections", "failed", NULL },
        { "log_connections", "none", NULL },
        { "listen.verify", "none", NULL },
        { "listen.verify", "optional", NULL },
        { "listen.verify", "required", NULL },
        { "connect.verify", "none", NULL },
        { "connect.verify", "required", NULL },
        { "listen.purpose", "strict", NULL },
        { "connect.purpose", "any", NULL },
        { "listen.allow_file", "/etc/rules", NULL },
        { "listen.verify_depth", "0", NULL },
        { "listen.verify_depth", "100", NULL },
        { "listen.min_version", "1.2", NULL },
        { "listen.min_version", "1.3", NULL },
        { "listen.ciphers", "HIGH:!aNULL:@SECLEVEL=2", NULL },
        { "listen.groups", "X25519", NULL },
        { "listen.session_tickets", "yes", NULL },
        { "listen.session_tickets", "no", NULL },
        { "listen.session_lifetime", "24h", "1d" },
        { "connect.session_lifetime", "95s", NULL },
        { "listen.keepalive", "off", NULL },
        { "listen.keepalive", "60s 10s 6", "1m 10s 6" },
        { "listen.keepalive", "1s   1s  1", "1s 1s 1" },
        { "listen.keepalive", "32767s 32767s 127", NULL },
        { "listen.keepalive", "1000ms 2h 9", "1s 2h 9" },
        { "listen.user_timeout", "off", NULL },
        { "listen.user_timeout", "20d", NULL },
        { "listen.receive_buffer", "auto", NULL },
        { "listen.receive_buffer", "4096", "4k" },
        { "listen.send_buffer", "512m", NULL },
        { "listen.send_buffer", "5000", NULL },
        { "listen.backlog", "1", NULL }, { "listen.backlog", "65535", NULL },
        { "listen.mode", "0600", NULL }, { "listen.mode", "777", "0777" },
        { "listen.mode", "000", "0000" },
        { "listen.owner", "root", NULL }, { "listen.owner", "a:b", NULL },
        { "listen.owner", "1000:1000", NULL },
        { "listen.group", "clients", NULL }, { "listen.freebind", "yes", NULL },
        { "connect.name", "Example.NET", "example.net" },
        { "connect.name", "192.0.2.1", NULL },
        { "connect.name", "2001:db8::1", NULL },
        { "connect.pin", "sha256/" DIGEST, NULL },
        { "connect.sni", "none", NULL }, { "connect.sni", "client", NULL },
        { "connect.alpn", "client", NULL }, { "connect.sni", "a.b", NULL },
        { "listen.passphrase_file", "/a b", NULL },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *want = cases[i].out != NULL ? cases[i].out : cases[i].in;
        struct fault fault = { .text = "" };
        char text[256];

        cr_assert(parse(cases[i].name, cases[i].in, &fault), "%s = %s: %s",
            cases[i].name, cases[i].in, fault.text);
        format(cases[i].name, text, sizeof(text));
        cr_expect_str_eq(text, want, "%s", cases[i].name);
        clear();
    }
}

/* Promise 37 */
Test(config_type, refuses_and_says_why, .fini = clear)
{
    static const struct { const char *name, *in, *why; } cases[] = {
        { "log", "file:", "write stderr" }, { "log", "stdout", "write std" },
        { "log", "/var/log/x", "file:PATH" }, { "log", "", "missing" },
        { "log_level", "INFO", "error, warn, info or debug" },
        { "log_level", "warning", "error, warn, info or debug" },
        { "drain_timeout", "off", "write 0s" },
        { "drain_timeout", "30", "has no unit; write 30s for seconds" },
        { "drain_timeout", "31d", "out of range" },
        { "max_connections", "0", "or shared" },
        { "max_connections", "-1", "from 1 to" },
        { "max_connections", "10000001", "from 1 to" },
        { "max_connections", "1e3", "from 1 to" },
        { "max_connections", "99999999999999999999", "from 1 to" },
        { "max_connections", " 1", "from 1 to" },
        { "timeout.connect", "off", "not a time" },
        { "timeout.connect", "0", "out of range; write a time from 1ms" },
        { "timeout.connect", "0s", "out of range" },
        { "timeout.connect", "11m", "out of range" },
        { "timeout.connect", "5", "write 5s" },
        { "timeout.connect", "5 s", "write 5s" },
        { "timeout.connect", "-5s", "not a time" },
        { "timeout.connect", "1.5s", "not a time" },
        { "timeout.connect", "5S", "write 5s" },
        { "timeout.connect", "99999999999999999999s", "not a time" },
        { "timeout.connect", "300000000000d", "not a time" },
        { "timeout.idle", "500ms", "from 1s to 365d, or off" },
        { "timeout.idle", "never", "write off" },
        { "timeout.idle", "5min", "write 5m" },
        { "timeout.idle", "1h; comment", "write 1h ; comment" },
        { "timeout.idle", "1h;", "write 1h" },
        { "listen", "*:443;", "which no line here needs; write *:443" },
        { "truncation", "allow", "mirror or tolerate" },
        { "splice", "yes", "auto or never" },
        { "log_connections", "errors", "all, failed or none" },
        { "listen.verify", "yes", "none, optional or required" },
        { "connect.verify", "optional", "none or required" },
        { "listen.purpose", "client", "strict or any" },
        { "listen.min_version", "1.1", "1.2 or 1.3" },
        { "listen.min_version", "TLSv1.2", "1.2 or 1.3" },
        { "listen.ciphers", "A B", "separate names" },
        { "listen.ciphers", ":A", "nothing between" },
        { "listen.ciphers", "A:", "nothing between" },
        { "listen.ciphers", "A::B", "nothing between" },
        { "listen.session_tickets", "true", "neither yes nor no" },
        { "listen.session_tickets", "Yes", "neither yes nor no" },
        { "listen.session_lifetime", "8d", "out of range" },
        { "connect.session_lifetime", "999ms", "out of range" },
        { "listen.alpn", ",", "1 to 255" },
        { "listen.alpn", "h2,", "1 to 255" },
        { "listen.alpn", "h2,,dot", "1 to 255" },
        { "listen.alpn", "h2 dot", "separate names" },
        { "listen.alpn", "h2, h2", "twice" },
        { "listen.alpn", "b\xc3\xbc", "foreign letter" },
        { "listen.keepalive", "on", "IDLE INTERVAL COUNT" },
        { "listen.keepalive", "60s 10s", "IDLE INTERVAL COUNT" },
        { "listen.keepalive", "60s 10s 6 1", "IDLE INTERVAL COUNT" },
        { "listen.keepalive", "60s 10s 0", "IDLE INTERVAL COUNT" },
        { "listen.keepalive", "60s 10s 128", "IDLE INTERVAL COUNT" },
        { "listen.keepalive", "60 10 6", "IDLE INTERVAL COUNT" },
        { "listen.keepalive", "1500ms 10s 6", "whole seconds" },
        { "listen.keepalive", "32768s 10s 6", "IDLE INTERVAL COUNT" },
        { "listen.keepalive", "off 10s 6", "IDLE INTERVAL COUNT" },
        { "listen.user_timeout", "21d", "out of range" },
        { "listen.receive_buffer", "0", "out of range" },
        { "listen.receive_buffer", "4095", "out of range" },
        { "listen.receive_buffer", "513m", "out of range" },
        { "listen.receive_buffer", "64kb", "write 64k" },
        { "listen.backlog", "0", "from 1 to 65535" },
        { "listen.backlog", "65536", "from 1 to 65535" },
        { "listen.mode", "888", "octal" }, { "listen.mode", "66", "octal" },
        { "listen.mode", "1777", "octal" }, { "listen.mode", "00660", "octal" },
        { "listen.mode", "u+rw", "octal" },
        { "listen.owner", ":", "USER" }, { "listen.owner", ":g", "USER" },
        { "listen.owner", "u:", "USER" }, { "listen.owner", "a b", "USER" },
        { "listen.owner", "a:b:c", "USER" }, { "listen.group", "u:g", "name" },
        { "listen.group", ":g", "name" }, { "listen.freebind", "1", "yes" },
        { "connect.name", "*.example.net", "not a host name" },
        { "connect.name", "a:80", "not an IPv6 address" },
        { "connect.pin", DIGEST, "write sha256/ and the 44" },
        { "connect.pin", "sha256/AAAA", "no digest of a public key" },
        { "connect.pin", "sha1/" DIGEST, "no digest" },
        { "connect.pin", "spki:sha256/" DIGEST, "no digest" },
        { "connect.pin", "sha256/" DIGEST "=", "no digest" },
        { "connect.sni", "192.0.2.1", "names only" },
        { "connect.sni", "::1", "names only" },
        { "connect.sni", "a b", "not a host name" },
        { "listen", "a", "no port" }, { "connect", "*:1", "no host" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fault fault = { .text = "" };

        cr_expect_not(parse(cases[i].name, cases[i].in, &fault), "%s = %s",
            cases[i].name, cases[i].in);
        cr_expect(strstr(fault.text, cases[i].why) != NULL, "%s = %s: %s",
            cases[i].name, cases[i].in, fault.text);
        clear();
    }
}

Test(config_type, lists_grow, .fini = clear)
{
    static const struct { const char *name, *first, *second, *out; }
    cases[] = {
        { "listen", "a:1", "tls://b:2", "a:1|tls://b:2" },
        { "connect", "unix:/a", "a:1", "unix:/a|a:1" },
        { "listen.cert", "a", "b", "a|b" },
        { "listen.ca", "system", "x", "system|x" },
        { "listen.ciphers", "A:B", "C", "A:B:C" },
        { "listen.sigalgs", "A", "B:C", "A:B:C" },
        { "listen.alpn", "h2", "http/1.1 , dot", "h2|http/1.1|dot" },
        { "include", "a", "b", "a|b" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fault fault;
        char text[256];

        cr_assert(parse(cases[i].name, cases[i].first, &fault));
        cr_assert(parse(cases[i].name, cases[i].second, &fault));
        format(cases[i].name, text, sizeof(text));
        cr_expect_str_eq(text, cases[i].out);
        clear();
    }
}

Test(config_type, paths_start_from_the_directory, .fini = clear)
{
    static const struct { const char *name, *in, *out; } cases[] = {
        { "listen.cert", "a.pem", "/etc/x/a.pem" },
        { "listen.cert", "/a.pem", "/a.pem" },
        { "listen.key", "../k", "/etc/x/../k" },
        { "listen.crl", "crl", "/etc/x/crl" },
        { "listen.passphrase_file", "p", "/etc/x/p" },
        { "listen.ca", "system", "system" },
        { "listen.ca", "./system", "/etc/x/./system" },
        { "log", "file:log", "file:/etc/x/log" },
        { "log", "file:/log", "file:/log" },
        { "include", "a/*.ini", "a/*.ini" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct option *option;
        void *base = find(cases[i].name, &option);
        struct fault fault;
        char text[256];

        cr_assert(config_type_parse(option, cases[i].in, "/etc/x", NULL,
            base, &fault));
        format(cases[i].name, text, sizeof(text));
        cr_expect_str_eq(text, cases[i].out);
        clear();
    }
}

Test(config_type, a_long_joined_list_takes_several_lines, .fini = clear)
{
    const struct option *option =
        config_option_find(OPTION_SERVICE, "listen.ciphers");
    char joined[1024] = "", again[1024] = "";
    struct fault fault;

    for (int i = 0; i < 40; i++)
        snprintf(joined + strlen(joined), sizeof(joined) - strlen(joined),
            "%sCIPHER-NUMBER-%d", i > 0 ? ":" : "", i);
    cr_assert(config_type_parse(option, joined, NULL, NULL, &service,
        &fault));
    cr_assert_gt(config_type_count(option, &service), 4);
    for (size_t i = 0; i < config_type_count(option, &service); i++) {
        char *piece = config_type_format(option, &service, i);

        cr_expect_leq(strlen(piece), 140);
        strcat(again, i > 0 ? ":" : "");
        strcat(again, piece);
        free(piece);
    }
    cr_expect_str_eq(again, joined);
}

Test(config_type, protocols_have_limits, .fini = clear)
{
    char text[300];
    struct fault fault;

    memset(text, 'a', 255);
    text[255] = '\0';
    cr_expect(parse("listen.alpn", text, &fault));
    memset(text, 'b', 256);
    text[256] = '\0';
    cr_expect_not(parse("listen.alpn", text, &fault));
    for (int i = 0; i < 1000; i++) {
        memset(text, 'c', 255);
        text[255] = '\0';
        snprintf(text, sizeof(text), "%03d", i);
        text[3] = 'c';
        if (!parse("listen.alpn", text, &fault)) {
            cr_expect(strstr(fault.text, "too many") != NULL);
            cr_expect_gt(i, 200);
            return;
        }
    }
    cr_expect_fail("no limit");
}

/* Cases of each way in which values are kept. */
Test(config_type, compares, .fini = clear)
{
    static const struct { const char *name, *in, *again, *other; } cases[] = {
        { "log_level", "info", "info", "debug" },
        { "log", "file:/a", "file:/a", "file:/b" },
        { "timeout.connect", "600s", "10m", "11s" },
        { "listen.cert", "/a", "/a", "/b" },
        { "listen.ciphers", "A:B", "A:B", "A" },
        { "listen.keepalive", "60s 10s 6", "1m 10s 6", "off" },
        { "listen", "a:1", "a:1", "tls://a:1" },
        { "connect.name", "a.b", "A.b", "c" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *const texts[] = { cases[i].in, cases[i].again,
            cases[i].other };
        struct global_config globals[3] = { { 0 } };
        struct service_config services[3] = { { 0 } };
        const struct option *option;
        bool of_service = find(cases[i].name, &option) == &service;
        void *bases[3];

        for (size_t j = 0; j < 3; j++) {
            struct fault fault;

            bases[j] = of_service ? (void *)&services[j] : &globals[j];
            cr_assert(config_type_parse(option, texts[j], NULL, NULL,
                bases[j], &fault), "%s", texts[j]);
        }
        cr_expect(config_type_same(option, bases[0], bases[1]), "%s",
            cases[i].name);
        cr_expect_not(config_type_same(option, bases[0], bases[2]), "%s",
            cases[i].name);
        for (size_t j = 0; j < 3; j++)
            config_type_clear(option, bases[j]);
    }
}

/* Endpoints keep their line, which others do not. */
Test(config_type, says_where_a_value_was_written, .fini = clear)
{
    const struct option *option;
    struct fault fault;

    cr_assert(parse("listen", "a:1", &fault));
    cr_assert(parse("listen", "b:2", &fault));
    cr_assert(parse("listen.cert", "x", &fault));
    find("listen", &option);
    cr_expect_eq(config_type_origin(option, &service, 1),
        &service.listen.items[1].origin);
    find("listen.cert", &option);
    cr_expect_null(config_type_origin(option, &service, 0));
}

Test(config_type, says_what_it_expects)
{
    static const struct { const char *name, *expects; } cases[] = {
        { "watch", "yes or no" },
        { "sandbox", "on, kill or off" },
        { "drain_timeout", "a time from 1ms to 30d (ms, s, m, h, d), or 0s" },
        { "timeout.connect", "a time from 1ms to 10m (ms, s, m, h, d)" },
        { "workers", "a number from 1 to 64, or auto" },
        { "listen.verify_depth", "a number from 0 to 100" },
        { "listen.send_buffer", "a size from 4k to 512m (k, m, g), or auto" },
    };
    char text[CONFIG_TYPE_EXPECTS_SIZE];

    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct option *option;

        find(cases[i].name, &option);
        cr_expect_str_eq(config_type_expects(option, text),
            cases[i].expects);
    }
}
