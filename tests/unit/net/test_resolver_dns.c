#include "net/resolver_dns.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/error.h"
#include "base/log.h"
#include "base/scratch.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "own_net.h"
#include "wire.h"

static struct loop *loop;
static struct resolver_dns *source;
static struct resolver *resolver;
static struct own_net_dns dns;
static int dns_fd = -1;

struct lookup {
    struct resolver_query *query;
    enum resolver_result result;
    char text[256]; /* the addresses, separated by spaces */
    int calls;
    struct resolver_query **cancels; /* another, when this one is answered */
};

static void
on_done(void *arg, enum resolver_result result,
    const struct address *addresses, size_t count)
{
    struct lookup *lookup = arg;

    cr_expect_null(lookup->query);
    lookup->calls++;
    lookup->result = result;
    lookup->text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        const struct sockaddr_storage *at = &addresses[i].storage;
        const void *number = at->ss_family == AF_INET6
            ? (const void *)&((const struct sockaddr_in6 *)at)->sin6_addr
            : (const void *)&((const struct sockaddr_in *)at)->sin_addr;
        size_t length = strlen(lookup->text);

        if (i > 0)
            lookup->text[length++] = ' ';
        inet_ntop(at->ss_family, number, lookup->text + length, 64);
    }
    if (lookup->cancels != NULL)
        resolver_cancel(*lookup->cancels);
}

static bool
is_answered(void *arg)
{
    if (dns_fd >= 0)
        own_net_dns_serve(dns_fd, &dns);
    return ((struct lookup *)arg)->calls > 0;
}

static struct lookup
look_up(const char *host)
{
    struct lookup lookup = { .result = RESOLVER_FAILED };

    resolver_start(resolver, host, on_done, &lookup, &lookup.query);
    cr_assert(wire_until(loop, is_answered, &lookup), "%s", host);
    cr_expect_eq(lookup.calls, 1);
    return lookup;
}

static void
expect(const char *host, enum resolver_result result, const char *text)
{
    struct lookup lookup = look_up(host);

    cr_expect_eq(lookup.result, result, "%s: %d", host, lookup.result);
    cr_expect_str_eq(lookup.text, text, "%s: %s", host, lookup.text);
}

static void
set_files(const char *hosts, const char *resolv_conf)
{
    cr_assert(resolver_dns_set_files(source,
        &(struct resolver_files){ .hosts = hosts,
            .hosts_length = strlen(hosts),
            .resolv_conf = resolv_conf,
            .resolv_conf_length = strlen(resolv_conf) }));
}

static void
start_with(const char *hosts, const char *resolv_conf)
{
    struct error error = { .count = 0 };

    scratch_log_open(LOG_LEVEL_DEBUG);
    loop = loop_new();
    cr_assert_not_null(loop);
    source = resolver_dns_new(loop, &error);
    cr_assert_not_null(source);
    resolver = resolver_dns_resolver(source);
    set_files(hosts, resolv_conf);
}

static void
start(void)
{
    start_with("127.0.0.1 localhost\n", "");
}

static void
tear_down(void)
{
    resolver_dns_free(source);
    loop_free(loop);
    if (dns_fd >= 0)
        close(dns_fd);
    scratch_remove();
}

TestSuite(resolver_dns, .init = start, .fini = tear_down, .timeout = 60);

Test(resolver_dns, knows_localhost)
{
    struct lookup lookup = look_up("localhost");

    cr_expect_eq(lookup.result, RESOLVER_FOUND);
    cr_expect_not_null(strstr(lookup.text, "127.0.0.1"));
}

/* The rest has a network of its own. */
static void
start_own(void)
{
    /* The machine's own files say other things: they are not opened. */
    if (!own_net_enter("192.0.2.99 here.test\n", "nameserver 192.0.2.98\n"))
        cr_skip_test("it takes rights to have a network of one's own");
    dns_fd = own_net_dns_open(INADDR_LOOPBACK);
    dns = (struct own_net_dns){ .address = 0xc0000201, .ttl_s = 1 };
    start_with("127.0.0.1 localhost\n192.0.2.7 here.test\n"
               "192.0.2.8 both.test\n2001:db8::8 both.test\n",
        "nameserver 127.0.0.1\n");
}

TestSuite(resolver_dns_own, .init = start_own, .fini = tear_down, .timeout = 60);

Test(resolver_dns_own, reads_the_hosts_file)
{
    struct lookup lookup;

    expect("here.test", RESOLVER_FOUND, "192.0.2.7");
    expect("HERE.test", RESOLVER_FOUND, "192.0.2.7");
    lookup = look_up("both.test");
    cr_expect_not_null(strstr(lookup.text, "192.0.2.8"));
    cr_expect_not_null(strstr(lookup.text, "2001:db8::8"));
    cr_expect_eq(dns.asked, 0);
}

Test(resolver_dns_own, asks_the_server_once_for_all_who_wait)
{
    struct lookup lookups[5] = { { .calls = 0 } };

    for (size_t i = 0; i < COUNT(lookups); i++)
        resolver_start(resolver, "a.test", on_done, &lookups[i],
            &lookups[i].query);
    cr_expect(wire_until(loop, is_answered, &lookups[0]));
    for (size_t i = 0; i < COUNT(lookups); i++) {
        cr_expect_eq(lookups[i].calls, 1);
        cr_expect_str_eq(lookups[i].text, "192.0.2.1");
    }
    cr_expect_eq(dns.asked, 1);
}

/* Promise 50 */
Test(resolver_dns_own, remembers_for_the_ttl_and_then_waits_for_a_new_answer)
{
    dns.ttl_s = 1;
    expect("a.test", RESOLVER_FOUND, "192.0.2.1");
    dns.address++;
    for (int i = 0; i < 5; i++)
        expect("a.test", RESOLVER_FOUND, "192.0.2.1");
    cr_expect_eq(dns.asked, 1);
    wire_sleep_ms(1100);
    expect("a.test", RESOLVER_FOUND, "192.0.2.2");
    cr_expect_eq(dns.asked, 2);
}

static const struct {
    int mood;
    enum resolver_result result;
} moods[] = {
    { DNS_UNKNOWN, RESOLVER_UNKNOWN },
    { DNS_FAILS, RESOLVER_FAILED },
    { DNS_IS_DEAD, RESOLVER_FAILED },
};

Test(resolver_dns_own, tells_unknown_names_from_a_server_that_fails)
{
    for (size_t i = 0; i < COUNT(moods); i++) {
        char host[16] = "a.test";

        host[0] = (char)('a' + i);
        dns.mood = moods[i].mood;
        expect(host, moods[i].result, "");
    }
}

/* A second of peace for the server; then it is asked again. */
Test(resolver_dns_own, does_not_hammer_a_server_that_refuses)
{
    dns.mood = DNS_UNKNOWN;
    expect("a.test", RESOLVER_UNKNOWN, "");
    dns.asked = 0;
    for (int i = 0; i < 50; i++)
        expect("a.test", RESOLVER_UNKNOWN, "");
    cr_expect_eq(dns.asked, 0);
    dns.mood = DNS_ANSWERS;
    wire_sleep_ms(1100);
    expect("a.test", RESOLVER_FOUND, "192.0.2.1");
}

/* Once a failure is known it delays no lookup, until the next one.  Promise 38. */
Test(resolver_dns_own, serves_on_with_the_last_good_answer)
{
    expect("a.test", RESOLVER_FOUND, "192.0.2.1");
    for (size_t i = 0; i < COUNT(moods); i++) {
        struct lookup lookup = { .calls = 0 };

        dns.mood = moods[i].mood;
        wire_sleep_ms(1100);
        expect("a.test", RESOLVER_FOUND, "192.0.2.1");
        resolver_start(resolver, "a.test", on_done, &lookup, &lookup.query);
        cr_expect_eq(lookup.calls, 1, "no lookup waits twice");
        resolver_cancel(lookup.query);
        dns.mood = DNS_ANSWERS;
    }
}

Test(resolver_dns_own, cancelled_queries_are_not_answered)
{
    struct lookup kept = { .calls = 0 }, dropped = { .calls = 0 };

    resolver_start(resolver, "a.test", on_done, &dropped, &dropped.query);
    resolver_start(resolver, "a.test", on_done, &kept, &kept.query);
    cr_assert_not_null(dropped.query);
    resolver_cancel(dropped.query);
    resolver_cancel(NULL);
    cr_expect_null(dropped.query);
    cr_expect(wire_until(loop, is_answered, &kept));
    cr_expect_eq(dropped.calls, 0);
}

Test(resolver_dns_own, an_answer_may_cancel_another_query)
{
    struct lookup first = { .calls = 0 }, second = { .calls = 0 };

    first.cancels = &second.query;
    second.cancels = &first.query;
    resolver_start(resolver, "a.test", on_done, &first, &first.query);
    resolver_start(resolver, "a.test", on_done, &second, &second.query);
    while (first.calls + second.calls == 0) {
        wire_turn(loop);
        own_net_dns_serve(dns_fd, &dns);
    }
    for (int i = 0; i < 10; i++)
        wire_turn(loop);
    cr_expect_eq(first.calls + second.calls, 1);
}

/* What is asked already is asked again: of the server that is to be asked now,
 * and not of the one that never answered. */
Test(resolver_dns_own, asks_the_servers_that_the_files_name_now)
{
    int silent = own_net_dns_open(INADDR_LOOPBACK + 8);
    struct lookup lookup = { .calls = 0 };

    set_files("", "nameserver 127.0.0.9\n");
    resolver_start(resolver, "a.test", on_done, &lookup, &lookup.query);
    wire_turn(loop);
    cr_expect_eq(lookup.calls, 0);
    set_files("", "nameserver 127.0.0.1\n");
    cr_assert(wire_until(loop, is_answered, &lookup));
    cr_expect_str_eq(lookup.text, "192.0.2.1");
    close(silent);
}

/* Long before the answer ends.  Promise 50. */
Test(resolver_dns_own, asks_anew_when_the_files_change)
{
    dns.ttl_s = 3600;
    expect("a.test", RESOLVER_FOUND, "192.0.2.1");
    expect("here.test", RESOLVER_FOUND, "192.0.2.7");
    dns.address++;
    set_files("192.0.2.17 here.test\n", "nameserver 127.0.0.1\n");
    expect("a.test", RESOLVER_FOUND, "192.0.2.2");
    expect("here.test", RESOLVER_FOUND, "192.0.2.17");
}

/* systemd-resolved writes "search ." where there is no domain to search. */
Test(resolver_dns_own, finds_a_name_of_one_label_in_the_root)
{
    set_files("", "nameserver 127.0.0.1\nsearch .\n");
    expect("redis", RESOLVER_FOUND, "192.0.2.1");
    dns.mood = DNS_UNKNOWN;
    expect("gone", RESOLVER_UNKNOWN, "");
}

/* The first candidate exists here; none is asked for when it has an answer. */
Test(resolver_dns_own, tries_each_name_that_may_be_meant)
{
    set_files("", "nameserver 127.0.0.1\nsearch a.test b.test\n");
    expect("short", RESOLVER_FOUND, "192.0.2.1");
    cr_expect_eq(dns.asked, 1);
    dns.mood = DNS_UNKNOWN;
    dns.asked = 0;
    expect("gone", RESOLVER_UNKNOWN, "");
    cr_expect_eq(dns.asked, 3);
    dns.mood = DNS_FAILS;
    expect("fails", RESOLVER_FAILED, "");
}

Test(resolver_dns_own, may_be_freed_while_it_asks)
{
    struct lookup lookup = { .calls = 0 };

    dns.mood = DNS_IS_DEAD;
    resolver_start(resolver, "a.test", on_done, &lookup, &lookup.query);
    wire_turn(loop);
    resolver_cancel(lookup.query);
    resolver_dns_free(source);
    source = NULL;
    cr_expect_eq(lookup.calls, 0);
}
