#include "config/config_host.h"

#include <string.h>

#include <criterion/criterion.h>

#include "config/config_fault.h"

Test(config_host, accepts)
{
    static const struct {
        const char *in;
        enum host_kind kind;
        const char *out;
    } cases[] = {
        { "127.0.0.1", HOST_IPV4, "127.0.0.1" },
        { "0.0.0.0", HOST_IPV4, "0.0.0.0" },
        { "255.255.255.255", HOST_IPV4, "255.255.255.255" },
        { "::", HOST_IPV6, "::" },
        { "::1", HOST_IPV6, "::1" },
        { "2001:DB8:0:0::1", HOST_IPV6, "2001:db8::1" },
        { "::ffff:192.0.2.1", HOST_IPV6, "::ffff:192.0.2.1" },
        { "fe80::1%eth0", HOST_IPV6, "fe80::1%eth0" },
        { "localhost", HOST_NAME, "localhost" },
        { "DB.Example.NET", HOST_NAME, "db.example.net" },
        { "xn--bcher-kva.example", HOST_NAME, "xn--bcher-kva.example" },
        { "my_container", HOST_NAME, "my_container" },
        { "3com.com", HOST_NAME, "3com.com" },
        { "a", HOST_NAME, "a" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct host host;
        struct fault fault = { .text = "" };

        cr_assert(config_host_parse(&host, cases[i].in, &fault), "%s: %s",
            cases[i].in, fault.text);
        cr_expect_eq(host.kind, cases[i].kind, "%s", cases[i].in);
        cr_expect_str_eq(host.text, cases[i].out);
    }
}

Test(config_host, refuses)
{
    static const char *const cases[] = {
        "", ".", "a..b", ".a", "a.", "-a", "a-", "a.-b", "a b", "a/b", "a*",
        "*", "b\xc3\xbc\x63her", "256.1.1.1", "127.1", "1.2.3.4.5", "010.0.0.1",
        "1", "a.1", ":", ":::", "1::2::3", "::g", "fe80::1%", "fe80::1%a b",
        "fe80::1%interface-name-x", "::1%a%b", "12345::",
        "1:2:3:4:5:6:7:8:9", "[::1]", "a\"b", "a@b",
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct host host;
        struct fault fault = { .text = "" };

        cr_expect_not(config_host_parse(&host, cases[i], &fault), "\"%s\"",
            cases[i]);
        cr_expect_neq(*fault.text, '\0', "\"%s\"", cases[i]);
    }
}

/* A name of `count` labels of `length` letters. */
static const char *
labels(char *text, size_t count, size_t length)
{
    char *at = text;

    for (size_t i = 0; i < count; i++) {
        memset(at, 'a', length);
        at += length;
        *at++ = '.';
    }
    at[-1] = '\0';
    return text;
}

Test(config_host, knows_the_longest_name)
{
    struct host host;
    struct fault fault;
    char text[2000];

    cr_expect(config_host_parse(&host, labels(text, 1, 63), &fault));
    cr_expect_not(config_host_parse(&host, labels(text, 1, 64), &fault));
    cr_expect(config_host_parse(&host, labels(text, 127, 1), &fault));
    cr_expect_eq(strlen(host.text), 253);
    cr_expect_not(config_host_parse(&host, labels(text, 128, 1), &fault));
    cr_expect_not(config_host_parse(&host, labels(text, 900, 1), &fault));
    cr_expect(strstr(fault.text, "253") != NULL);
}
