#include "config/config_endpoint.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "config/config.h"
#include "config/config_fault.h"

Test(config_endpoint, accepts)
{
    static const struct {
        const char *in;
        bool tls;
        const char *host;
        unsigned port;
    } cases[] = {
        { "127.0.0.1:80", false, "127.0.0.1", 80 },
        { "tcp://127.0.0.1:80", false, "127.0.0.1", 80 },
        { "tls://127.0.0.1:443", true, "127.0.0.1", 443 },
        { "tls://[::]:443", true, "::", 443 },
        { "[2001:db8:0::1]:1", false, "2001:db8::1", 1 },
        { "[fe80::1%eth0]:65535", false, "fe80::1%eth0", 65535 },
        { "Example.NET:https", false, "example.net", 443 },
        { "tls://localhost:postgresql", true, "localhost", 5432 },
        { "a:00080", false, "a", 80 },
        { "tlsx:80", false, "tlsx", 80 },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        for (int use = ENDPOINT_LISTEN; use <= ENDPOINT_CONNECT; use++) {
            struct endpoint endpoint;
            struct fault fault = { .text = "" };

            cr_assert(config_endpoint_parse(NULL, &endpoint, cases[i].in,
                (enum endpoint_use)use, &fault), "%s: %s", cases[i].in,
                fault.text);
            cr_expect_eq(endpoint.kind, ENDPOINT_INET);
            cr_expect_eq(endpoint.tls, cases[i].tls, "%s", cases[i].in);
            cr_expect_str_eq(endpoint.host, cases[i].host);
            cr_expect_eq(endpoint.port, cases[i].port, "%s", cases[i].in);
            cr_expect_str_eq(endpoint.text, cases[i].in);
            config_endpoint_clear(&endpoint);
        }
    }
}

Test(config_endpoint, any_address_is_for_listening)
{
    static const struct { const char *in; bool tls; } cases[] = {
        { "*:80", false }, { ":80", false }, { "tcp://*:80", false },
        { "tls://:80", true }, { "tls://*:http", true },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct endpoint endpoint;
        struct fault fault = { .text = "" };

        cr_assert(config_endpoint_parse(NULL, &endpoint, cases[i].in,
            ENDPOINT_LISTEN, &fault), "%s: %s", cases[i].in, fault.text);
        cr_expect_null(endpoint.host);
        cr_expect_eq(endpoint.port, 80);
        cr_expect_eq(endpoint.tls, cases[i].tls);
        config_endpoint_clear(&endpoint);
        cr_expect_not(config_endpoint_parse(NULL, &endpoint, cases[i].in,
            ENDPOINT_CONNECT, &fault), "%s", cases[i].in);
        cr_expect(strstr(fault.text, "no host to connect to") != NULL);
    }
}

Test(config_endpoint, accepts_unix_sockets)
{
    static const struct { const char *in; bool tls; const char *path; }
    cases[] = {
        { "unix:/run/a.sock", false, "/run/a.sock" },
        { "unix:/a:b c", false, "/a:b c" },
        { "unix:@name", false, "@name" },
        { "unix:@a/b", false, "@a/b" },
        { "tls+unix:/run/a.sock", true, "/run/a.sock" },
        { "tls+unix:@a", true, "@a" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct endpoint endpoint;
        struct fault fault = { .text = "" };

        cr_assert(config_endpoint_parse(NULL, &endpoint, cases[i].in,
            ENDPOINT_CONNECT, &fault), "%s: %s", cases[i].in, fault.text);
        cr_expect_eq(endpoint.kind, ENDPOINT_UNIX);
        cr_expect_eq(endpoint.tls, cases[i].tls);
        cr_expect_str_eq(endpoint.path, cases[i].path);
        config_endpoint_clear(&endpoint);
    }
}

Test(config_endpoint, reads_names_of_passed_sockets)
{
    static const struct { const char *in; bool tls; const char *name; } cases[] = {
        { "systemd:web", false, "web" },
        { "systemd:sallyport.socket", false, "sallyport.socket" },
        { "tls+systemd:a/b@c=d", true, "a/b@c=d" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct endpoint endpoint;
        struct fault fault = { .text = "" };

        cr_assert(config_endpoint_parse(NULL, &endpoint, cases[i].in,
            ENDPOINT_LISTEN, &fault), "%s: %s", cases[i].in, fault.text);
        cr_expect_eq(endpoint.kind, ENDPOINT_SYSTEMD);
        cr_expect_eq(endpoint.tls, cases[i].tls);
        cr_expect_str_eq(endpoint.path, cases[i].name);
        config_endpoint_clear(&endpoint);
        cr_expect_not(config_endpoint_parse(NULL, &endpoint, cases[i].in,
            ENDPOINT_CONNECT, &fault));
        cr_expect(strstr(fault.text, "none to connect to") != NULL, "%s",
            fault.text);
    }
}

Test(config_endpoint, knows_the_longest_name)
{
    char text[300] = "systemd:";
    struct endpoint endpoint;
    struct fault fault;

    memset(text + 8, 'a', 255);
    cr_assert(config_endpoint_parse(NULL, &endpoint, text, ENDPOINT_LISTEN,
        &fault));
    config_endpoint_clear(&endpoint);
    memset(text + 8, 'a', 256);
    cr_expect_not(config_endpoint_parse(NULL, &endpoint, text, ENDPOINT_LISTEN,
        &fault));
    cr_expect(strstr(fault.text, "256 bytes") != NULL, "%s", fault.text);
}

Test(config_endpoint, refuses_and_says_why)
{
    static const struct { const char *in, *why; } cases[] = {
        { "", "no port" },
        { "example.net", "no port" },
        { "example.net:", "no port after" },
        { "[::ffff:127.0.0.1]:80", "write 127.0.0.1:80" },
        { "a:0", "not from 1 to 65535" },
        { "a:65536", "not from 1 to 65535" },
        { "a:99999999999999999999999", "not from 1 to 65535" },
        { "a:-1", "neither a number nor" },
        { "a: 80", "neither a number nor" },
        { "a:no-such-service", "neither a number nor" },
        { "a:80/", "neither a number nor" },
        { "::1:80", "write [::1]:80" },
        { "2001:db8::1", "write [2001:db8::1]:PORT" },
        { "a:b:80", "in brackets" },
        { "[::1]", "no port" },
        { "[::1]80", "no port" },
        { "[::1", "no ']'" },
        { "[]:80", "brackets are for these only" },
        { "[127.0.0.1]:80", "write 127.0.0.1:80" },
        { "[*]:80", "write *:80" },
        { "[::g]:80", "not an IPv6 address" },
        { "999.0.0.1:80", "not an IPv4 address" },
        { "a b:80", "not a host name" },
        { "-a:80", "not a host name" },
        { "http://a:80", "write a:80" },
        { "TLS://a:80", "write tls://a:80" },
        { "://a:80", "is not a kind" },
        { "unix+tls://a:80", "is not a kind" },
        { "tls://", "no port" },
        { "tls://tls://a:80", "more than one ':'" },
        { "tls:443", "write tls://*:443" },
        { "systemd:", "has no name" },
        { "tls+systemd:", "has no name" },
        { "systemd://http", "too many slashes" },
        { "systemd:a:b", "no name of a descriptor" },
        { "systemd:a b", "no name of a descriptor" },
        { "systemd:\xc3\xa4", "no name of a descriptor" },
        { "upstream:http", "\"upstream:\" is not a kind" },
        { "unix:", "no path" },
        { "unix:@", "no path" },
        { "unix:a.sock", "not absolute" },
        { "unix:./a.sock", "not absolute" },
        { "unix:///run/a.sock", "write unix:/run/a.sock" },
        { "unix:/run/", "directory" },
        { "tls://unix:/run/a", "write tls+unix:/run/a" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct endpoint endpoint;
        struct fault fault = { .text = "" };

        cr_expect_not(config_endpoint_parse(NULL, &endpoint, cases[i].in,
            ENDPOINT_LISTEN, &fault), "\"%s\"", cases[i].in);
        cr_expect(strstr(fault.text, cases[i].why) != NULL, "\"%s\": %s",
            cases[i].in, fault.text);
    }
}

Test(config_endpoint, knows_the_longest_path)
{
    char text[200] = "unix:/";
    struct endpoint endpoint;
    struct fault fault;

    memset(text + 6, 'a', 106);
    cr_assert(config_endpoint_parse(NULL, &endpoint, text, ENDPOINT_LISTEN,
        &fault));
    cr_expect_eq(strlen(endpoint.path), 107);
    config_endpoint_clear(&endpoint);
    memset(text + 6, 'a', 107);
    cr_expect_not(config_endpoint_parse(NULL, &endpoint, text, ENDPOINT_LISTEN,
        &fault));
    cr_expect(strstr(fault.text, "108 bytes") != NULL, "%s", fault.text);
}

Test(config_endpoint, knows_the_same_place)
{
    static const struct { const char *a, *b; bool same; } cases[] = {
        { "127.0.0.1:80", "tls://127.0.0.1:http", true },
        { "[::1]:80", "[0:0::1]:80", true },
        { "LOCALHOST:80", "localhost:80", true },
        { "*:80", ":80", true },
        { "unix:/a", "tls+unix:/a", true },
        { "unix:/tmp/a", "unix:/tmp/../tmp//a", true },
        { "unix:/none/a", "unix:/none/./a", true },
        { "unix:/none/a", "unix:/none/.a", false },
        { "127.0.0.1:80", "127.0.0.1:81", false },
        { "*:80", "127.0.0.1:80", false },
        { "unix:/a", "unix:@a", false },
        { "unix:/a", "a:80", false },
        { "systemd:a", "tls+systemd:a", true },
        { "systemd:a", "systemd:b", false },
        { "systemd:/a", "unix:/a", false },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct endpoint a, b;
        struct fault fault;

        cr_assert(config_endpoint_parse(NULL, &a, cases[i].a, ENDPOINT_LISTEN,
            &fault));
        cr_assert(config_endpoint_parse(NULL, &b, cases[i].b, ENDPOINT_LISTEN,
            &fault));
        cr_expect_eq(config_endpoint_same(&a, &b), cases[i].same, "%s %s",
            cases[i].a, cases[i].b);
        cr_expect_eq(config_endpoint_compare(&a, &b) > 0,
            config_endpoint_compare(&b, &a) < 0);
        config_endpoint_clear(&a);
        config_endpoint_clear(&b);
    }
}
