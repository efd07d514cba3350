#include "config/config_overlap.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "loading.h"

/* Two services, each with one of the lines, in lines 2 and 5. */
static const char *
two(const char *first, const char *second)
{
    static char text[1000];

    snprintf(text, sizeof(text),
        "[service a]\nlisten = %s\nconnect = x:1\n"
        "[service b]\nlisten = %s\nconnect = x:1\n",
        first, second);
    return text;
}

static const struct pair {
    const char *first, *second;
} taken[] = {
    { "*:80", ":80" },
    { "127.0.0.1:80", "tcp://127.0.0.1:http" },
    { "[::1]:80", "[0:0::1]:80" },
    { "localhost:80", "LocalHost:80" },
    { "unix:/run/x", "unix:/run/x" },
    { "unix:@x", "unix:@x" },
}, among[] = {
    { "*:80", "127.0.0.1:80" },
    { "*:80", "[::1]:80" },
    { "*:80", "0.0.0.0:80" },
    { "*:80", "[::]:80" },
    { "0.0.0.0:80", "192.0.2.1:80" },
    { "[::]:80", "[2001:db8::1]:80" },
    { "[::]:80", "[fe80::1%lo]:80" },
    { "[::]:80", "[0::1]:80" },
}, apart[] = {
    { "*:80", "127.0.0.1:81" },
    { "*:80", "localhost:80" },
    { "*:80", "unix:/80" },
    { "0.0.0.0:80", "[::]:80" },
    { "0.0.0.0:80", "[::1]:80" },
    { "[::]:80", "127.0.0.1:80" },
    { "127.0.0.1:80", "127.0.0.2:80" },
    { "127.0.0.1:80", "localhost:80" },
    { "127.0.0.1:80", "[::1]:80" },
    { "unix:/x", "unix:@/x" },
    { "unix:/x", "unix:/X" },
};

static void
expect_one_fault(const char *text, const char *why)
{
    cr_expect(loading_fails(text, why), "%s\nshould say: %s", text, why);
    cr_expect_eq(loading_count_errors(text), 1, "%s", text);
}

Test(config_overlap, names_both_lines_of_one_place)
{
    char why[200];

    for (size_t i = 0; i < COUNT(taken); i++) {
        snprintf(why, sizeof(why), "t.ini:5: [service b] listen: \"%s\" is "
            "taken by service a (t.ini:2); only one can listen there",
            taken[i].second);
        expect_one_fault(two(taken[i].first, taken[i].second), why);
    }
}

Test(config_overlap, finds_an_address_beside_any_in_either_order)
{
    char why[200];

    for (size_t i = 0; i < COUNT(among); i++) {
        snprintf(why, sizeof(why), "t.ini:5: [service b] listen: \"%s\" is "
            "among the addresses taken by service a (t.ini:2); only one",
            among[i].second);
        expect_one_fault(two(among[i].first, among[i].second), why);
        snprintf(why, sizeof(why), "t.ini:5: [service b] listen: \"%s\" takes "
            "in an address taken by service a (t.ini:2); only one",
            among[i].first);
        expect_one_fault(two(among[i].second, among[i].first), why);
    }
}

Test(config_overlap, leaves_alone_what_lies_apart)
{
    for (size_t i = 0; i < COUNT(apart); i++) {
        config_unref(loading_good(two(apart[i].first, apart[i].second)));
        config_unref(loading_good(two(apart[i].second, apart[i].first)));
    }
}

Test(config_overlap, looks_within_a_service_too)
{
    expect_one_fault(
        "[service a]\nlisten = 127.0.0.1:80\nlisten = *:80\nconnect = x:1\n",
        "t.ini:3: [service a] listen: \"*:80\" takes in an address taken by "
        "service a (t.ini:2)");
    expect_one_fault("[service a]\nlisten = unix:/x\nlisten = tls+unix:/x\n"
        "listen.cert = c\nconnect = x:1\n",
        "t.ini:3: [service a] listen: \"tls+unix:/x\" is taken");
}

/* With each other port apart, and each fault told once. */
Test(config_overlap, finds_all)
{
    static const struct { const char *listen; size_t faults; } cases[] = {
        { "listen = :80\nlisten = :80\nlisten = :80\n", 2 },
        { "listen = :80\nlisten = 127.0.0.1:80\nlisten = [::1]:80\n", 2 },
        { "listen = 127.0.0.1:80\nlisten = [::1]:80\nlisten = :80\n", 2 },
        { "listen = :80\nlisten = 0.0.0.0:80\nlisten = 127.0.0.1:80\n", 2 },
        { "listen = 0.0.0.0:80\nlisten = [::]:80\nlisten = :80\n", 2 },
        { "listen = :80\nlisten = :80\nlisten = 127.0.0.1:80\n", 2 },
        { "listen = :80\nlisten = 127.0.0.1:81\nlisten = :81\n"
          "listen = unix:/a\nlisten = unix:/b\nlisten = [::1]:80\n", 2 },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[400];

        snprintf(text, sizeof(text), "[service a]\nconnect = x:1\n%s",
            cases[i].listen);
        cr_expect_eq(loading_count_errors(text), cases[i].faults, "%s", text);
    }
}
