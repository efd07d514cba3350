#include "config/config_ring.h"

#include <ifaddrs.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <criterion/criterion.h>

#include "loading.h"

static const char *
one(const char *listen, const char *connect)
{
    static char text[2 * (NI_MAXHOST + 20)];

    snprintf(text, sizeof(text), "[service s]\nlisten = %s\nconnect = %s\n",
        listen, connect);
    return text;
}

static const struct pair {
    const char *listen, *connect;
} selves[] = {
    { "127.0.0.1:80", "127.0.0.1:80" },
    { "*:80", "127.0.0.1:80" },
    { ":80", "[::1]:80" },
    { "*:80", "localhost:80" },
    { "*:80", "127.3.2.1:80" },
    { "*:80", "0.0.0.0:80" },
    { "0.0.0.0:80", "127.0.0.1:80" },
    { "0.0.0.0:80", "127.3.2.1:80" },
    { "0.0.0.0:80", "[::ffff:127.0.0.1]:80" },
    { "0.0.0.0:80", "localhost:80" },
    { "[::]:80", "[::1]:80" },
    { "[::]:80", "localhost:80" },
    { "[::]:80", "x.localhost:80" },
    { "127.0.0.1:80", "localhost:80" },
    { "[::1]:80", "localhost:80" },
    { "localhost:80", "127.0.0.1:80" },
    { "localhost:80", "[::1]:80" },
    { "localhost:80", "localhost:80" },
    { "127.0.0.1:80", "0.0.0.0:80" },
    { "[::1]:80", "[::]:80" },
    { "127.0.0.1:80", "[::ffff:127.0.0.1]:80" },
    { "192.0.2.1:80", "[::ffff:192.0.2.1]:80" },
    { "[2001:db8::1]:80", "[2001:db8:0::1]:80" },
    { "a.example:80", "a.example:80" },
    { "127.0.0.1:80", "tls://127.0.0.1:80" },
    { "unix:/run/x", "unix:/run/x" },
    { "unix:@x", "unix:@x" },
}, apart[] = {
    { "*:80", "127.0.0.1:81" },
    { "*:80", "192.0.2.1:80" }, /* not of this machine: RFC 5737 */
    { "*:80", "[2001:db8::1]:80" },
    { "*:80", "a.example:80" },
    { "0.0.0.0:80", "[::1]:80" },
    { "[::]:80", "127.0.0.1:80" },
    { "127.0.0.1:80", "127.0.0.2:80" },
    { "127.0.0.2:80", "localhost:80" },
    { "127.0.0.1:80", "[::1]:80" },
    { "127.0.0.1:80", "notlocalhost:80" },
    { "127.0.0.1:80", "localhost.example:80" },
    { "unix:/run/x", "unix:@/run/x" },
    { "unix:/run/x", "unix:/run/y" },
};

/* However the two addresses are written: a service that feeds itself takes every
 * place within a second. */
Test(config_ring, finds_a_service_that_feeds_itself)
{
    for (size_t i = 0; i < COUNT(selves); i++) {
        const char *text = one(selves[i].listen, selves[i].connect);

        cr_expect(loading_fails(text,
                      "is where this service listens: it would connect to "
                      "itself"),
            "%s", text);
    }
}

Test(config_ring, leaves_alone_what_lies_apart)
{
    for (size_t i = 0; i < COUNT(apart); i++)
        config_unref(loading_good(one(apart[i].listen, apart[i].connect)));
}

/* Addresses of this machine's own interfaces are behind a wildcard, too. */
Test(config_ring, knows_the_addresses_of_the_machine)
{
    struct ifaddrs *all;
    char host[NI_MAXHOST], connect[NI_MAXHOST + 10];

    cr_assert_eq(getifaddrs(&all), 0);
    for (struct ifaddrs *item = all; item != NULL; item = item->ifa_next) {
        if (item->ifa_addr == NULL || item->ifa_addr->sa_family != AF_INET)
            continue;
        getnameinfo(item->ifa_addr, sizeof(struct sockaddr_in), host,
            sizeof(host), NULL, 0, NI_NUMERICHOST);
        snprintf(connect, sizeof(connect), "%s:80", host);
        cr_expect(loading_fails(one("*:80", connect), "to itself"), "%s", host);
        cr_expect(
            loading_fails(one("0.0.0.0:80", connect), "to itself"), "%s", host);
    }
    freeifaddrs(all);
}

Test(config_ring, finds_rings_of_services)
{
    static const char ring[] =
        "[service a]\nlisten = 127.0.0.1:1\nconnect = localhost:2\n"
        "[service b]\nlisten = *:2\nconnect = x:9\nconnect = unix:/c\n"
        "[service c]\nlisten = unix:/c\nconnect = 127.0.0.1:1\n"
        "[service leads-in]\nlisten = *:4\nconnect = 127.0.0.1:1\n";

    cr_expect(loading_fails(ring, "t.ini:3: [service a] connect: "
        "\"localhost:2\" is where service b listens, which leads back here"));
    cr_expect(loading_fails(ring, "t.ini:7: [service b] connect"));
    cr_expect(loading_fails(ring, "t.ini:10: [service c] connect"));
    cr_expect_eq(loading_count_errors(ring), 3);
}

/* The kernel prefers a socket that listens on the very address, so that a service
 * on all of them may connect there. */
Test(config_ring, knows_which_of_two_takes_an_address)
{
    static const struct {
        const char *any, *connect, *exact;
        bool ring;
    } cases[] = {
        { "*:80", "127.0.0.1:80", "127.0.0.1:80", false },
        { "0.0.0.0:80", "127.0.0.1:80", "127.0.0.1:80", false },
        { "0.0.0.0:80", "[::ffff:127.0.0.1]:80", "127.0.0.1:80", false },
        { "*:80", "0.0.0.0:80", "127.0.0.1:80", false },
        { "[::]:80", "[::1]:80", "[::1]:80", false },
        { "*:80", "127.0.0.1:80", "127.0.0.2:80", true },
        { "*:80", "[::1]:80", "127.0.0.1:80", true },
        /* A name has two addresses. */
        { "*:80", "localhost:80", "127.0.0.1:80", true },
    };
    char all[200], one_of[200], text[400];

    for (size_t i = 0; i < COUNT(cases); i++) {
        snprintf(all, sizeof(all), "[service a]\nlisten = %s\nconnect = %s\n",
            cases[i].any, cases[i].connect);
        snprintf(one_of, sizeof(one_of),
            "[service b]\nlisten = %s\nconnect = x:9\n", cases[i].exact);
        for (int turn = 0; turn < 2; turn++) {
            snprintf(text, sizeof(text), "%s%s", turn == 0 ? all : one_of,
                turn == 0 ? one_of : all);
            if (cases[i].ring)
                cr_expect(loading_fails(text, "connect to itself"), "%s", text);
            else
                config_unref(loading_good(text));
        }
    }
    cr_expect(loading_fails(
        "[service a]\nlisten = *:80\nconnect = 127.0.0.1:80\n"
        "[service b]\nlisten = 127.0.0.1:80\nconnect = 127.0.0.2:80\n",
        "leads back here"));
}

/* One service may serve another one, as long as it leads somewhere. */
Test(config_ring, allows_chains)
{
    config_unref(loading_good(
        "[service a]\nlisten = 127.0.0.1:1\nconnect = 127.0.0.1:2\n"
        "[service b]\nlisten = 127.0.0.1:2\nconnect = 127.0.0.1:3\n"
        "[service c]\nlisten = 127.0.0.1:3\nconnect = x:4\n"
        "[service d]\nlisten = 127.0.0.1:4\nconnect = 127.0.0.1:2\n"));
}
