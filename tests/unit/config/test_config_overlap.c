#include "config/config_overlap.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "config/config_share.h"
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
    { "127.0.0.1:80", "localhost:80" },
    { "localhost:80", "[::1]:80" },
    { "unix:/run/x", "unix:/run/x" },
    { "unix:/run/x", "unix:/run//x" },
    { "unix:/run/x", "unix:/run/../run/./x" },
    { "unix:@x", "unix:@x" },
}, apart[] = {
    { "*:80", "127.0.0.1:81" },
    { "*:80", "localhost:80" },
    { "*:80", "unix:/80" },
    { "0.0.0.0:80", "[::]:80" },
    { "0.0.0.0:80", "[::1]:80" },
    { "[::]:80", "127.0.0.1:80" },
    { "127.0.0.1:80", "127.0.0.2:80" },
    { "127.0.0.1:80", "[::1]:80" },
    { "unix:/x", "unix:@/x" },
    { "unix:/x", "unix:/X" },
    /* The kernel serves both, the single address first. */
    { "*:80", "127.0.0.1:80" },
    { "*:80", "[::1]:80" },
    { "0.0.0.0:80", "192.0.2.1:80" },
    { "[::]:80", "[2001:db8::1]:80" },
    { "[::]:80", "[fe80::1%lo]:80" },
    { "[::]:80", "[0::1]:80" },
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

/* In either order: the message says what `*` is. */
Test(config_overlap, says_what_a_star_is)
{
    static const struct { const char *star, *any, *advice; } cases[] = {
        { "*:80", "0.0.0.0:80", "[::]:80" },
        { "*:80", "[::]:80", "0.0.0.0:80" },
        { ":80", "[0::0]:80", "0.0.0.0:80" },
    };
    char why[300];

    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *star = cases[i].star, *any = cases[i].any;

        for (int turn = 0; turn < 2; turn++) {
            snprintf(why, sizeof(why), "t.ini:5: [service b] listen: \"%s\" "
                "is taken by service a (t.ini:2); only one can listen there: "
                "*:80 is 0.0.0.0:80 and [::]:80, so write %s in its place, or "
                "remove the other", turn == 0 ? any : star, cases[i].advice);
            expect_one_fault(
                turn == 0 ? two(star, any) : two(any, star), why);
        }
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
        "[service a]\nlisten = 0.0.0.0:80\nlisten = *:80\nconnect = x:1\n",
        "t.ini:3: [service a] listen: \"*:80\" is taken by service a "
        "(t.ini:2)");
    expect_one_fault("[service a]\nlisten = unix:/x\nlisten = tls+unix:/x\n"
        "listen.cert = c\nconnect = x:1\n",
        "t.ini:3: [service a] listen: \"tls+unix:/x\" is the same place as "
        "\"unix:/x\" (t.ini:2) of this service; remove one of the two");
}

/* With each other port apart, and each fault told once. */
Test(config_overlap, finds_all)
{
    static const struct { const char *listen; size_t faults; } cases[] = {
        { "listen = :80\nlisten = :80\nlisten = :80\n", 2 },
        { "listen = :80\nlisten = 0.0.0.0:80\nlisten = 127.0.0.1:80\n", 1 },
        { "listen = :80\nlisten = 0.0.0.0:80\nlisten = [::]:80\n", 2 },
        { "listen = 0.0.0.0:80\nlisten = [::]:80\nlisten = :80\n", 2 },
        { "listen = :80\nlisten = :80\nlisten = 127.0.0.1:80\n", 1 },
        { "listen = [::]:80\nlisten = :80\nlisten = [0::0]:80\n", 2 },
        { "listen = :80\nlisten = 127.0.0.1:81\nlisten = 0.0.0.0:81\n"
          "listen = :81\nlisten = unix:/a\nlisten = unix:/b\n"
          "listen = [::]:80\n", 2 },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[400];

        snprintf(text, sizeof(text), "[service a]\nconnect = x:1\n%s",
            cases[i].listen);
        cr_expect_eq(loading_count_errors(text), cases[i].faults, "%s", text);
    }
}

/* Services of one place, each with a match or, if that is NULL, without one. */
static const struct {
    const char *matches[3];
    const char *listens[3]; /* NULL: 127.0.0.1:80 */
    const char *fault;      /* NULL: they are apart */
} shared[] = {
    { { "sni:a.example", NULL }, { NULL }, NULL },
    { { "sni:a.example", "sni:b.example" }, { NULL }, NULL },
    { { "sni:a.example", NULL }, { "*:80", ":80" }, NULL },
    { { "sni:a.example", NULL }, { "unix:/x", "unix:/x" }, NULL },
    { { NULL, NULL, "sni:a.example" }, { NULL }, "[service s1] listen: "
      "\"127.0.0.1:80\" is taken by service s0 (t.ini:2); only one can listen "
      "there without listen.match" },
    { { "sni:a.example", "sni:a.example" }, { NULL },
      "t.ini:8: [service s1] listen.match: \"sni:a.example\" and "
      "\"sni:a.example\" of service s0 are equally specific for a TLS client "
      "that asks for a.example; give one of the lines a further word" },
    { { "sni:a.example", "sni:b.example\nlisten.match = sni:a.example" },
      { NULL }, "t.ini:9: [service s1] listen.match: \"sni:a.example\"" },
    { { "sni:a.example", NULL }, { "*:80", "0.0.0.0:80" },
      "only one can listen there: *:80 is 0.0.0.0:80 and [::]:80" },
    /* What a faulty line was to tell apart is not known. */
    { { "sni:a..b", NULL, NULL }, { NULL }, "t.ini:4: [service s0] "
      "listen.match: \"a..b\" is not a host name" },
};

Test(config_overlap, lets_services_share_what_matches_tell_apart)
{
    for (size_t i = 0; i < COUNT(shared); i++) {
        char text[1000] = "";
        size_t used = 0, count = shared[i].matches[2] != NULL ? 3 : 2;

        for (size_t j = 0; j < count; j++)
            used += (size_t)snprintf(text + used, sizeof(text) - used,
                "[service s%zu]\nlisten = %s\nconnect = x:%zu\n%s%s\n", j,
                shared[i].listens[j] != NULL ? shared[i].listens[j]
                                             : "127.0.0.1:80",
                j + 1, shared[i].matches[j] != NULL ? "listen.match = " : "",
                shared[i].matches[j] != NULL ? shared[i].matches[j] : "");
        if (shared[i].fault != NULL)
            expect_one_fault(text, shared[i].fault);
        else
            config_unref(loading_good(text));
    }
}

Test(config_overlap, needs_two_services_to_share)
{
    expect_one_fault("[service a]\nlisten = 127.0.0.1:80\n"
        "listen = tls://127.0.0.1:80\nlisten.cert = c\nconnect = x:1\n"
        "listen.match = sni:a.example\n",
        "t.ini:3: [service a] listen: \"tls://127.0.0.1:80\" is the "
        "same place as \"127.0.0.1:80\" (t.ini:2) of this service; remove one of "
        "the two");
}

/* The home is the one without a match, or else the first. */
Test(config_overlap, says_where_a_shared_socket_is)
{
    struct config *config = loading_good(
        "[service a]\nlisten = :80\nlisten = :81\nconnect = x:1\n"
        "listen.match = sni:a.example\n"
        "[service b]\nlisten = :80\nconnect = x:1\n"
        "[service c]\nlisten = :81\nconnect = x:1\n"
        "listen.match = sni:c.example\n"
        "[service d]\nlisten = :82\nconnect = x:1\n");

    cr_expect_not(config_share_is_home(config, 0, 0));
    cr_expect(config_share_is_home(config, 0, 1));
    cr_expect(config_share_is_home(config, 1, 0));
    cr_expect_not(config_share_is_home(config, 2, 0));
    cr_expect(config_share_is_home(config, 3, 0));
    cr_expect_null(config_share_group(config, 3, 0));
    cr_expect_eq(config_share_group(config, 0, 0),
        config_share_group(config, 1, 0));
    config_unref(config);
}
