#include "base/address.h"

#include <sys/un.h>

#include <netinet/in.h>
#include <string.h>

#include <criterion/criterion.h>

#define OFFSET offsetof(struct sockaddr_un, sun_path)

static const char *
text_of(const struct address *address, char text[ADDRESS_TEXT_SIZE])
{
    return address_format((const struct sockaddr *)&address->storage,
        address->length, text);
}

Test(address, reads_and_writes_numeric_hosts)
{
    static const struct {
        const char *host;
        unsigned port;
        const char *want;   /* NULL: refused */
    } cases[] = {
        { "192.0.2.1", 80, "192.0.2.1:80" },
        { "0.0.0.0", 0, "0.0.0.0:0" },
        { "255.255.255.255", 65535, "255.255.255.255:65535" },
        { "2001:DB8::1", 443, "[2001:db8::1]:443" },
        { "::", 1, "[::]:1" },
        { "::ffff:192.0.2.1", 1, "[::ffff:192.0.2.1]:1" },
        { "fe80::1%lo", 1, "[fe80::1%1]:1" },
        { "fe80::1%7", 1, "[fe80::1%7]:1" },
        { "fe80::1%4294967295", 1, "[fe80::1%4294967295]:1" },
        { "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255%4294967295", 65535,
            "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535" },
        { "fe80::1%4294967296", 1, NULL },
        { "fe80::1%0", 1, NULL },
        { "fe80::1%", 1, NULL },
        { "fe80::1%no-such-interface-here", 1, NULL },
        { "192.0.2.1%lo", 1, NULL },
        { "192.0.2.1", 65536, NULL },
        { "192.0.2", 1, NULL },
        { "192.0.2.256", 1, NULL },
        { "192.0.2.1 ", 1, NULL },
        { "0x7f.1", 1, NULL },
        { "[::1]", 1, NULL },
        { "::1::", 1, NULL },
        { "localhost", 1, NULL },
        { "", 1, NULL },
        { "%lo", 1, NULL },
        { "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc", 1,
            NULL },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct address address;
        char text[ADDRESS_TEXT_SIZE];
        bool good = address_from_numeric(&address, cases[i].host,
            cases[i].port);

        cr_expect_eq(good, cases[i].want != NULL, "%s", cases[i].host);
        if (good && cases[i].want != NULL)
            cr_expect_str_eq(text_of(&address, text), cases[i].want);
    }
}

Test(address, reads_and_writes_unix_paths)
{
    static const struct { const char *path, *want; } cases[] = {
        { "/run/x.sock", "unix:/run/x.sock" },
        { "@name", "unix:@name" },
        { "./@name", "unix:./@name" },
        { "/a\nb\x1b\"\\\xff", "unix:/a\\x0ab\\x1b\\x22\\x5c\\xff" },
        { "@a\nb", "unix:@a\\x0ab" },
        { "", NULL },
        { "@", NULL },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct address address;
        char text[ADDRESS_TEXT_SIZE];
        bool good = address_from_path(&address, cases[i].path);

        cr_expect_eq(good, cases[i].want != NULL, "\"%s\"", cases[i].path);
        if (good && cases[i].want != NULL)
            cr_expect_str_eq(text_of(&address, text), cases[i].want);
    }
}

Test(address, takes_paths_up_to_the_kernels_length)
{
    static const struct {
        char first;
        size_t length;
        bool good;
    } cases[] = {
        { '/', 107, true }, { '/', 108, false }, { '/', 4000, false },
        { '@', 108, true }, { '@', 109, false }, { '@', 4000, false },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char path[4001], text[ADDRESS_TEXT_SIZE];
        struct address address;
        bool good;

        memset(path, '\n', sizeof(path));
        path[0] = cases[i].first;
        path[cases[i].length] = '\0';
        good = address_from_path(&address, path);
        cr_expect_eq(good, cases[i].good, "%c %zu", path[0],
            cases[i].length);
        if (!good)
            continue;
        cr_expect_eq(address.length, OFFSET + 108);
        text_of(&address, text);
        cr_expect_eq(strlen(text), strlen("unix:") + 1 +
            4 * (cases[i].length - 1));
    }
}

Test(address, formats_what_the_kernel_may_return)
{
    static const struct {
        socklen_t length;
        sa_family_t family;
        char path[108];
        const char *want;
    } cases[] = {
        { 0, 0, "", "family:0" },
        { 1, AF_UNIX, "", "unix:" },
        { OFFSET, AF_UNIX, "ignored", "unix:" },
        { OFFSET + 1, AF_UNIX, "", "unix:@" },
        { OFFSET + 3, AF_UNIX, "abcdef", "unix:abc" },
        { OFFSET + 8, AF_UNIX, "abc", "unix:abc" },
        { OFFSET + 2, AF_UNIX, "@a", "unix:./@a" },
        { OFFSET + 4, AF_UNIX, "\0a\0b", "unix:@a\\x00b" },
        { 100000, AF_UNIX, "abc", "unix:abc" },
        { 2, 77, "", "family:77" },
        { 2, AF_INET, "", "0.0.0.0:0" },
        { 2, AF_INET6, "", "[::]:0" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct sockaddr_un un = { .sun_family = cases[i].family };
        char text[ADDRESS_TEXT_SIZE];

        memcpy(un.sun_path, cases[i].path, sizeof(un.sun_path));
        address_format((struct sockaddr *)&un, cases[i].length, text);
        cr_expect_str_eq(text, cases[i].want, "%zu: %s", i, text);
    }
}

Test(address, accepts_unaligned_memory)
{
    struct address address;
    char raw[sizeof(address.storage) + 1], text[ADDRESS_TEXT_SIZE];

    cr_assert(address_from_numeric(&address, "192.0.2.1", 80));
    memcpy(raw + 1, &address.storage, sizeof(address.storage));
    cr_expect_str_eq(address_format((void *)(raw + 1), address.length, text),
        "192.0.2.1:80");
}

static struct address
numeric(const char *host, unsigned port)
{
    struct address address;

    cr_assert(address_from_numeric(&address, host, port), "%s", host);
    return address;
}

Test(address, tells_its_own_host_by_the_number)
{
    static const struct { const char *host; bool want; } cases[] = {
        { "127.0.0.1", true }, { "127.9.8.7", true }, { "0.0.0.0", true },
        { "::1", true }, { "::", true }, { "::ffff:127.0.0.1", true },
        { "128.0.0.1", false }, { "192.0.2.1", false }, { "::2", false },
        { "::ffff:192.0.2.1", false }, { "::127.0.0.1", false },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct address address = numeric(cases[i].host, 80);

        cr_expect_eq(address_is_loopback(&address), cases[i].want, "%s",
            cases[i].host);
    }
}

Test(address, compares_hosts_and_ports)
{
    static const struct { const char *a, *b; bool want; } cases[] = {
        { "192.0.2.1", "192.0.2.1", true }, { "::1", "0::1", true },
        { "192.0.2.1", "192.0.2.2", false }, { "::1", "127.0.0.1", false },
        { "fe80::1%1", "fe80::1%2", false },
        { "::ffff:192.0.2.1", "192.0.2.1", true }, /* once it is unmapped */
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct address a = numeric(cases[i].a, 80);
        struct address b = numeric(cases[i].b, 80);
        struct address other = numeric(cases[i].b, 81);

        address_unmap(&a);
        cr_expect_eq(address_same(&a, &b), cases[i].want, "%s", cases[i].a);
        cr_expect_not(address_same(&a, &other));
    }
}

Test(address, compares_paths)
{
    static const char *const paths[] = { "/run/x", "/run/xy", "@/run/x" };

    for (size_t i = 0; i < COUNT(paths); i++)
        for (size_t j = 0; j < COUNT(paths); j++) {
            struct address a, b;

            cr_assert(address_from_path(&a, paths[i]));
            cr_assert(address_from_path(&b, paths[j]));
            cr_expect_eq(address_same(&a, &b), i == j);
        }
}
