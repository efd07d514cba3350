#include "roles/scout_client.h"

#include <event2/event.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/scratch.h"
#include "ipc/channel.h"
#include "ipc/message.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "net/wire.h"

static struct loop *loop;
static struct scout_client *client;
static struct resolver *resolver;
static int losses; /* heard of */
static int scout; /* the far end: what a scout would say is said by hand */

struct lookup {
    struct resolver_query *query;
    enum resolver_result result;
    struct address first;
    size_t count;
    int calls;
};

static void
on_done(void *arg, enum resolver_result result,
    const struct address *addresses, size_t count)
{
    struct lookup *lookup = arg;

    lookup->calls++;
    lookup->result = result;
    lookup->count = count;
    if (count > 0)
        lookup->first = addresses[0];
}

static void
begin(struct lookup *lookup, const char *host)
{
    *lookup = (struct lookup){ .calls = 0 };
    resolver_start(resolver, host, on_done, lookup, &lookup->query);
}

static void
on_time(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    loop_stop(arg);
}

static void
run_for(uint64_t ms)
{
    struct timeval span = clock_span(ms);

    cr_assert_eq(event_base_once(
        loop->base, -1, EV_TIMEOUT, on_time, loop, &span), 0);
    loop_run(loop);
}

static void
on_lost(void *arg)
{
    ++*(int *)arg;
}

static void
connect_scout(void)
{
    int fds[2];

    cr_assert(channel_pair(fds));
    scout = fds[1];
    scout_client_connect(client, fds[0]);
}

static void
set_up(void)
{
    scratch_log_open(LOG_LEVEL_DEBUG);
    loop = loop_new();
    client = scout_client_new(loop, on_lost, &losses);
    losses = 0;
    cr_assert_not_null(client);
    resolver = scout_client_resolver(client);
    scout = -1;
}

static void
tear_down(void)
{
    scout_client_free(client);
    loop_free(loop);
    if (scout >= 0)
        close(scout);
    log_close();
    scratch_remove();
}

TestSuite(scout_client, .init = set_up, .fini = tear_down, .timeout = 30);

struct asked {
    struct message_header header;
    struct message_resolve resolve;
    char host[256];
};

/* The next question that the scout has been asked; false: none. */
static bool
take_question(struct asked *asked)
{
    ssize_t length;

    memset(asked, 0, sizeof(*asked));
    wire_turn(loop);
    length = recv(scout, asked, sizeof(*asked) - 1, MSG_DONTWAIT);
    if (length < 0)
        return false;
    cr_assert_eq(asked->header.type, MESSAGE_RESOLVE);
    cr_assert_eq((size_t)length, sizeof(asked->header) +
            asked->header.length);
    return true;
}

static uint32_t
expect_question(const char *host)
{
    struct asked asked;

    cr_assert(take_question(&asked), "no worker asks for %s", host);
    cr_expect_str_eq(asked.host, host);
    return asked.resolve.query;
}

struct answer {
    struct message_header header;
    struct message_resolved resolved;
    struct address addresses[RESOLVER_ADDRESSES_MAX + 1];
};

static struct answer
make_answer(uint32_t query, size_t count)
{
    struct answer answer = {
        .header.type = MESSAGE_RESOLVED,
        .header.length = (uint32_t)(sizeof(answer.resolved) +
            count * sizeof(answer.addresses[0])),
        .resolved = { .query = query, .ttl_ms = 60000, .count = (uint32_t)count,
            .result = count > 0 ? RESOLVER_FOUND : RESOLVER_UNKNOWN },
    };

    for (size_t i = 0; i < count; i++) {
        struct sockaddr_in *in =
            (struct sockaddr_in *)&answer.addresses[i].storage;

        in->sin_family = AF_INET;
        in->sin_addr.s_addr = htonl(0xc0000201 + (uint32_t)i);
        answer.addresses[i].length = sizeof(*in);
    }
    return answer;
}

static void
say(const struct answer *answer, size_t more)
{
    size_t length = sizeof(answer->header) + answer->header.length + more;

    cr_assert_eq(send(scout, answer, length, MSG_NOSIGNAL), (ssize_t)length);
    for (int i = 0; i < 3; i++)
        wire_turn(loop);
}

static void
reply(uint32_t query, size_t count)
{
    struct answer answer = make_answer(query, count);

    say(&answer, 0);
}

Test(scout_client, asks_the_scout)
{
    struct lookup found, unknown;
    uint32_t query;

    connect_scout();
    begin(&found, "a.test");
    begin(&unknown, "b.test");
    query = expect_question("a.test");
    reply(expect_question("b.test"), 0);
    reply(query, 2);
    cr_expect_eq(found.calls, 1);
    cr_expect_eq(found.result, RESOLVER_FOUND);
    cr_expect_eq(found.count, 2);
    cr_expect_eq(((struct sockaddr_in *)&found.first.storage)->sin_addr.s_addr,
        htonl(0xc0000201));
    cr_expect_eq(unknown.result, RESOLVER_UNKNOWN);
    cr_expect_gt(resolver_ttl_ms(resolver, "a.test"), 0);
    cr_expect_leq(resolver_ttl_ms(resolver, "a.test"), 1000,
        "the scout has the cache");
}

Test(scout_client, does_not_ask_for_what_is_no_name)
{
    static const char *const hosts[] = {
        "fe80::1%none", "1.2.3", "a..test", "a b", "-a.test", "a.test.", "",
    };
    struct lookup lookup;
    struct asked asked;

    connect_scout();
    for (size_t i = 0; i < COUNT(hosts); i++) {
        begin(&lookup, hosts[i]);
        cr_expect_eq(lookup.calls, 1, "%s", hosts[i]);
        cr_expect_eq(lookup.result, RESOLVER_UNKNOWN, "%s", hosts[i]);
    }
    cr_expect_not(take_question(&asked));
    cr_expect(scout_client_is_connected(client));
}

Test(scout_client, asks_again_when_a_scout_is_back)
{
    struct lookup early, second, answered;

    begin(&early, "a.test"); /* before there is one */
    cr_expect_not(scout_client_is_connected(client));
    connect_scout();
    begin(&answered, "c.test");
    begin(&second, "b.test");
    expect_question("a.test");
    reply(expect_question("c.test"), 1);
    expect_question("b.test");
    cr_expect_eq(answered.calls, 1);
    close(scout);
    for (int i = 0; i < 3; i++)
        wire_turn(loop);
    cr_expect_not(scout_client_is_connected(client));
    cr_expect_eq(early.calls + second.calls, 0);
    begin(&answered, "c.test"); /* known, scout or no scout */
    cr_expect_eq(answered.calls, 1);
    connect_scout();
    reply(expect_question("a.test"), 1);
    reply(expect_question("b.test"), 1);
    cr_expect_eq(early.calls, 1);
    cr_expect_eq(second.result, RESOLVER_FOUND);
}

static bool
has_told_again(void *arg)
{
    (void)arg;
    return losses > 1;
}

Test(scout_client, says_that_there_is_no_way_when_it_has_to_ask)
{
    struct lookup first, second, known;

    begin(&first, "a.test");
    cr_expect_eq(losses, 1);
    connect_scout();
    reply(expect_question("a.test"), 1);
    close(scout);
    for (int i = 0; i < 3; i++)
        wire_turn(loop);
    begin(&known, "a.test");
    cr_expect_eq(losses, 1, "nothing was to be asked");
    begin(&second, "b.test");
    begin(&first, "b.test");
    cr_expect_eq(losses, 1, "once a second, or the master takes offence");
    cr_assert(wire_until(loop, has_told_again, NULL));
    cr_expect_eq(losses, 2);
    connect_scout();
    reply(expect_question("b.test"), 1);
    cr_expect_eq(second.calls, 1);
    cr_expect_eq(first.calls, 1);
}

Test(scout_client, a_new_scout_replaces_the_one_before)
{
    struct lookup lookup;
    int old;
    char byte;

    connect_scout();
    begin(&lookup, "a.test");
    expect_question("a.test");
    old = scout;
    connect_scout();
    run_for(1);
    cr_expect_eq(recv(old, &byte, 1, MSG_DONTWAIT), 0, "it is closed");
    close(old);
    reply(expect_question("a.test"), 1);
    cr_expect_eq(lookup.result, RESOLVER_FOUND);
}

/* True if an epoll(7) of this process looks at what had that number: proc(5). */
static bool
is_polled(int fd)
{
    char path[64], line[256], wanted[32];
    bool found = false;

    snprintf(wanted, sizeof(wanted), "tfd: %8d ", fd);
    for (int i = 0; i < 64; i++) {
        FILE *info;

        snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", i);
        info = fopen(path, "re");
        while (info != NULL && fgets(line, sizeof(line), info) != NULL)
            found |= strncmp(line, wanted, strlen(wanted)) == 0;
        if (info != NULL)
            fclose(info);
    }
    return found;
}

/* As where a worker that has been taken over keeps the descriptor, and shuts it
 * down: epoll(7) goes on looking at what it is told no more. */
Test(scout_client, does_not_spin_when_another_process_has_its_end)
{
    int pair[2], duplicate;

    cr_assert(channel_pair(pair));
    duplicate = dup(pair[1]);
    scout_client_connect(client, pair[1]);
    run_for(1);
    cr_assert(is_polled(pair[1]));
    cr_assert_eq(shutdown(pair[0], SHUT_RDWR), 0);
    run_for(50);
    cr_expect_not(scout_client_is_connected(client));
    cr_expect_not(is_polled(pair[1]));
    close(duplicate);
    close(pair[0]);
}

Test(scout_client, ignores_answers_that_were_not_asked_for)
{
    struct lookup lookup;
    uint32_t query;

    connect_scout();
    reply(0, 1);
    begin(&lookup, "a.test");
    query = expect_question("a.test");
    for (uint32_t i = 1; i < 300; i++)
        reply(query + i, 1);
    cr_expect_eq(lookup.calls, 0);
    cr_expect(scout_client_is_connected(client));
    reply(query, 3);
    cr_expect_eq(lookup.count, 3);
    reply(query, 0); /* twice: what was known serves on */
    begin(&lookup, "a.test");
    cr_expect_eq(lookup.count, 3);
}

static void
spoil_count(struct answer *answer)
{
    answer->resolved.count++;
}

static void
spoil_size(struct answer *answer)
{
    *answer = make_answer(answer->resolved.query, RESOLVER_ADDRESSES_MAX + 1);
}

static void
spoil_huge_count(struct answer *answer)
{
    answer->resolved.count = UINT32_MAX / sizeof(struct address) + 2;
}

static void
spoil_family(struct answer *answer)
{
    answer->addresses[1].storage.ss_family = AF_UNIX;
}

static void
spoil_length(struct answer *answer)
{
    answer->addresses[1].length = 4096;
}

static void
spoil_short_ipv6(struct answer *answer)
{
    answer->addresses[0].storage.ss_family = AF_INET6;
}

static void
spoil_result(struct answer *answer)
{
    answer->resolved.result = 77;
}

static void
spoil_nothing_found(struct answer *answer)
{
    *answer = make_answer(answer->resolved.query, 0);
    answer->resolved.result = RESOLVER_FOUND;
}

static void
spoil_type(struct answer *answer)
{
    answer->header.type = MESSAGE_SCOUT;
}

static void
spoil_header(struct answer *answer)
{
    answer->header.length--;
}

static void (*const spoilers[])(struct answer *) = {
    spoil_count, spoil_size, spoil_huge_count, spoil_family, spoil_length,
    spoil_short_ipv6, spoil_result, spoil_nothing_found, spoil_type,
    spoil_header,
};

/* It ends its way; the next one is asked instead. */
Test(scout_client, has_nothing_more_to_do_with_a_scout_that_talks_nonsense)
{
    for (size_t i = 0; i < COUNT(spoilers); i++) {
        struct lookup lookup;
        struct answer answer;
        char host[] = "a.test";

        host[0] = (char)('a' + i);
        connect_scout();
        begin(&lookup, host);
        answer = make_answer(expect_question(host), 2);
        spoilers[i](&answer);
        say(&answer, spoilers[i] == spoil_header);
        cr_expect_eq(lookup.calls, 0, "%zu", i);
        cr_expect_not(scout_client_is_connected(client), "%zu", i);
        close(scout);
        connect_scout();
        reply(expect_question(host), 1);
        cr_expect_eq(lookup.result, RESOLVER_FOUND, "%zu", i);
        close(scout);
        scout = -1;
    }
}

static bool
is_answered(void *arg)
{
    return ((struct lookup *)arg)->calls > 0;
}

Test(scout_client, does_not_wait_for_ever)
{
    struct lookup lookup;
    uint64_t start_ms = clock_now_ms();

    begin(&lookup, "a.test");
    while (lookup.calls == 0 && clock_now_ms() - start_ms < 12000)
        (void)wire_until(loop, is_answered, &lookup);
    cr_expect_eq(lookup.result, RESOLVER_FAILED);
    cr_expect_geq(clock_now_ms() - start_ms, 9900);
}
