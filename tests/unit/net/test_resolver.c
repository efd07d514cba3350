#include "net/resolver.h"

#include <netinet/in.h>

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/error.h"
#include "base/log.h"
#include "base/scratch.h"
#include "net/loop.h"
#include "wire.h"

enum { PATIENCE_MS = 150, WAIT_MS = 50, OLD_MS = 1020 };

static struct loop *loop;
static struct resolver *resolver;

/* A source that only notes what it is asked, or answers at once. */
static struct script {
    unsigned asked;
    uint32_t question; /* the last one */
    char host[64];
    const struct resolver_reply *at_once;
} script;

struct lookup {
    struct resolver_query *query;
    enum resolver_result result;
    uint32_t first; /* address, host byte order */
    size_t count;
    int calls;
};

static void
on_ask(void *arg, uint32_t question, const char *host)
{
    cr_expect_eq(arg, &script);
    script.asked++;
    script.question = question;
    snprintf(script.host, sizeof(script.host), "%s", host);
    if (script.at_once != NULL)
        resolver_reply(resolver, question, script.at_once);
}

static void
on_done(void *arg, enum resolver_result result,
    const struct address *addresses, size_t count)
{
    struct lookup *lookup = arg;

    cr_expect_null(lookup->query);
    lookup->calls++;
    lookup->result = result;
    lookup->count = count;
    lookup->first = count > 0
        ? ntohl(((const struct sockaddr_in *)&addresses[0].storage)
                    ->sin_addr.s_addr)
        : 0;
}

static void
begin(struct lookup *lookup, const char *host)
{
    *lookup = (struct lookup){ .calls = 0 };
    resolver_start(resolver, host, on_done, lookup, &lookup->query);
}

static void
reply(uint32_t question, uint32_t first, size_t count, uint32_t ttl_s)
{
    struct address addresses[RESOLVER_ADDRESSES_MAX + 4] = { 0 };
    struct resolver_reply what = { .result = RESOLVER_FOUND,
        .addresses = addresses, .count = count, .ttl_ms = SECONDS(ttl_s) };

    for (size_t i = 0; i < count; i++) {
        struct sockaddr_in *in = (struct sockaddr_in *)&addresses[i].storage;

        in->sin_family = AF_INET;
        in->sin_addr.s_addr = htonl(first + (uint32_t)i);
        addresses[i].length = sizeof(*in);
    }
    resolver_reply(resolver, question, &what);
}

static void
refuse(uint32_t question, enum resolver_result result)
{
    struct resolver_reply what = { .result = result, .why = "test" };

    resolver_reply(resolver, question, &what);
}

static void
expect_now(const char *host, enum resolver_result result, uint32_t first)
{
    struct lookup lookup;

    begin(&lookup, host);
    cr_assert_eq(lookup.calls, 1, "%s waits", host);
    cr_expect_eq(lookup.result, result, "%s: %d", host, lookup.result);
    cr_expect_eq(lookup.first, first, "%s: %x", host, lookup.first);
}

static void
set_up(void)
{
    const struct resolver_source source = {
        .ask = on_ask,
        .arg = &script,
        .patience_ms = PATIENCE_MS,
        .wait_ms = WAIT_MS,
        .ttl_least_ms = SECONDS(1),
        .ttl_most_ms = SECONDS(3600),
    };

    scratch_log_open(LOG_LEVEL_DEBUG);
    loop = loop_new();
    cr_assert_not_null(loop);
    resolver = resolver_new(loop, &source);
    cr_assert_not_null(resolver);
}

static void
tear_down(void)
{
    resolver_free(resolver);
    loop_free(loop);
    log_close();
    scratch_remove();
}

TestSuite(resolver, .init = set_up, .fini = tear_down, .timeout = 30);

Test(resolver, asks_once_for_all_who_wait)
{
    struct lookup lookups[3];

    for (size_t i = 0; i < COUNT(lookups); i++)
        begin(&lookups[i], i == 1 ? "A.test" : "a.test");
    cr_expect_eq(script.asked, 1);
    cr_expect_str_eq(script.host, "a.test");
    cr_expect_eq(resolver_ttl_ms(resolver, "a.test"), 0);
    reply(script.question, 7, 2, 60);
    for (size_t i = 0; i < COUNT(lookups); i++) {
        cr_expect_eq(lookups[i].calls, 1);
        cr_expect_eq(lookups[i].result, RESOLVER_FOUND);
        cr_expect_eq(lookups[i].first, 7);
        cr_expect_eq(lookups[i].count, 2);
    }
    expect_now("a.test", RESOLVER_FOUND, 7);
    cr_expect_eq(script.asked, 1);
    cr_expect_leq(resolver_ttl_ms(resolver, "A.TEST"), SECONDS(60));
    cr_expect_gt(resolver_ttl_ms(resolver, "A.TEST"), SECONDS(30));
}

Test(resolver, bounds_what_a_source_says)
{
    struct lookup lookup;

    begin(&lookup, "a.test");
    reply(script.question, 1, RESOLVER_ADDRESSES_MAX + 4, UINT32_MAX);
    cr_expect_eq(lookup.count, RESOLVER_ADDRESSES_MAX);
    cr_expect_leq(resolver_ttl_ms(resolver, "a.test"), SECONDS(3600));
    cr_expect_gt(resolver_ttl_ms(resolver, "a.test"), SECONDS(3000));
    begin(&lookup, "b.test");
    reply(script.question, 1, 1, 0);
    cr_expect_gt(resolver_ttl_ms(resolver, "b.test"), 0);
    begin(&lookup, "c.test");
    reply(script.question, 0, 0, 60);
    cr_expect_eq(lookup.result, RESOLVER_UNKNOWN, "found, but no address");
}

Test(resolver, a_source_may_answer_at_once)
{
    static const struct resolver_reply unknown = { .result = RESOLVER_UNKNOWN };

    script.at_once = &unknown;
    expect_now("a.test", RESOLVER_UNKNOWN, 0);
    expect_now("a.test", RESOLVER_UNKNOWN, 0);
    cr_expect_eq(script.asked, 1, "a refusal is kept for a while");
}

Test(resolver, ignores_answers_to_what_was_not_asked)
{
    struct lookup lookup;

    reply(0, 1, 1, 60);
    reply(17, 1, 1, 60);
    begin(&lookup, "a.test");
    for (uint32_t i = 1; i < 1000; i++)
        reply(script.question + i, 1, 1, 60);
    cr_expect_eq(lookup.calls, 0);
    reply(script.question, 9, 1, 60);
    cr_expect_eq(lookup.first, 9);
}

/* The first may have been an old answer, or come too late. */
Test(resolver, the_last_answer_counts)
{
    struct lookup lookup;
    uint32_t question;

    begin(&lookup, "a.test");
    question = script.question;
    reply(question, 1, 1, 1);
    reply(question, 2, 1, 60);
    cr_expect_eq(lookup.calls, 1);
    cr_expect_eq(lookup.first, 1);
    expect_now("a.test", RESOLVER_FOUND, 2);
    refuse(question, RESOLVER_FAILED);
    expect_now("a.test", RESOLVER_FOUND, 2);
}

static bool
is_answered(void *arg)
{
    return ((struct lookup *)arg)->calls > 0;
}

Test(resolver, gives_a_question_up_and_takes_a_late_answer)
{
    struct lookup first, second;

    begin(&first, "a.test");
    wire_turn_for(loop, PATIENCE_MS / 2);
    begin(&second, "b.test");
    cr_assert(wire_until(loop, is_answered, &first));
    cr_expect_eq(first.result, RESOLVER_FAILED);
    cr_expect_eq(second.calls, 0);
    cr_assert(wire_until(loop, is_answered, &second));
    cr_expect_eq(second.result, RESOLVER_FAILED);
    expect_now("b.test", RESOLVER_FAILED, 0);
    cr_expect_eq(script.asked, 2);
    reply(script.question, 3, 1, 60);
    expect_now("b.test", RESOLVER_FOUND, 3);
}

/* After a silence, however long, the first client is not led to an address that
 * may be another host's by now.  Promise 50. */
Test(resolver, waits_for_a_new_answer_when_the_old_one_has_ended)
{
    struct lookup lookup;

    begin(&lookup, "a.test");
    reply(script.question, 1, 1, 1);
    wire_sleep_ms(OLD_MS);
    begin(&lookup, "a.test");
    cr_expect_eq(lookup.calls, 0);
    cr_expect_eq(script.asked, 2);
    cr_expect_eq(resolver_ttl_ms(resolver, "a.test"), 0);
    reply(script.question, 2, 1, 60);
    cr_expect_eq(lookup.calls, 1);
    cr_expect_eq(lookup.first, 2);
    expect_now("a.test", RESOLVER_FOUND, 2);
}

/* A dead source costs one wait, and then no lookup anything: until it has been
 * quiet for so long that it may be back.  Promise 38. */
Test(resolver, the_last_good_answer_serves_on_without_a_source)
{
    struct lookup lookup;

    begin(&lookup, "a.test");
    reply(script.question, 1, 1, 1);
    wire_sleep_ms(OLD_MS);
    begin(&lookup, "a.test");
    cr_expect_eq(lookup.calls, 0);
    cr_assert(wire_until(loop, is_answered, &lookup));
    cr_expect_eq(lookup.result, RESOLVER_FOUND);
    cr_expect_eq(lookup.first, 1);
    expect_now("a.test", RESOLVER_FOUND, 1); /* it is waited for already */
    refuse(script.question, RESOLVER_FAILED);
    expect_now("a.test", RESOLVER_FOUND, 1);
    cr_expect_eq(script.asked, 3);
    refuse(script.question, RESOLVER_UNKNOWN);
    expect_now("a.test", RESOLVER_FOUND, 1);
    reply(script.question, 2, 1, 60);
    expect_now("a.test", RESOLVER_FOUND, 2);
}

Test(resolver, a_name_without_an_answer_is_not_told_before_the_patience_ends)
{
    struct lookup lookup;

    begin(&lookup, "a.test");
    cr_assert(wire_until(loop, is_answered, &lookup));
    cr_expect_eq(lookup.result, RESOLVER_FAILED);
}

Test(resolver, asks_anew_for_all_that_is_expired)
{
    struct lookup lookup;

    begin(&lookup, "a.test");
    reply(script.question, 1, 1, 60);
    begin(&lookup, "b.test");
    refuse(script.question, RESOLVER_UNKNOWN);
    resolver_expire(resolver);
    begin(&lookup, "a.test");
    cr_expect_eq(lookup.calls, 0);
    reply(script.question, 2, 1, 60);
    cr_expect_eq(lookup.first, 2);
    begin(&lookup, "b.test");
    cr_expect_eq(lookup.calls, 0, "a refusal is old, too");
    reply(script.question, 3, 1, 60);
    cr_expect_eq(lookup.first, 3);
}

static bool
was_asked_twice(void *arg)
{
    return ((const struct script *)arg)->asked == 2;
}

/* So that no client of a busy service ever waits. */
Test(resolver, asks_before_an_answer_ends_while_the_name_is_in_use)
{
    const struct resolver_source source = {
        .ask = on_ask,
        .arg = &script,
        .wait_ms = WAIT_MS,
        .ttl_least_ms = 1,
        .ttl_most_ms = SECONDS(3600),
        .refreshes = true,
    };
    struct lookup lookup;

    resolver_free(resolver);
    resolver = resolver_new(loop, &source);
    cr_assert_not_null(resolver);
    begin(&lookup, "a.test");
    reply(script.question, 1, 1, 2);
    cr_assert(wire_until(loop, was_asked_twice, &script));
    cr_expect_gt(resolver_ttl_ms(resolver, "a.test"), 0, "not ended yet");
    reply(script.question, 2, 1, 60);
    expect_now("a.test", RESOLVER_FOUND, 2);
    cr_expect_eq(script.asked, 2);
}

Test(resolver, repeats_what_is_not_answered)
{
    struct lookup lookups[3];
    uint32_t questions[3];
    char host[] = "a.test";

    for (size_t i = 0; i < COUNT(lookups); i++) {
        host[0] = (char)('a' + i);
        begin(&lookups[i], host);
        questions[i] = script.question;
    }
    reply(questions[1], 1, 1, 60);
    script.asked = 0;
    resolver_ask_again(resolver);
    cr_expect_eq(script.asked, 2);
    cr_expect_eq(script.question, questions[2]);
    reply(questions[0], 1, 1, 60);
    reply(questions[2], 1, 1, 60);
    resolver_ask_again(resolver);
    cr_expect_eq(script.asked, 2);
    for (size_t i = 0; i < COUNT(lookups); i++)
        cr_expect_eq(lookups[i].calls, 1);
}

static void
learn(size_t first, size_t count)
{
    struct lookup lookup;
    char host[32];

    for (size_t i = first; i < first + count; i++) {
        snprintf(host, sizeof(host), "n%zu.test", i);
        begin(&lookup, host);
        reply(script.question, 1, 1, 60);
        cr_assert_eq(lookup.calls, 1);
    }
}

Test(resolver, forgets_the_name_that_nobody_wanted_longest)
{
    struct lookup lookup;

    learn(0, 2);
    wire_sleep_ms(3);
    learn(2, RESOLVER_NAMES_MAX - 2);
    wire_sleep_ms(3);
    expect_now("n0.test", RESOLVER_FOUND, 1);
    learn(RESOLVER_NAMES_MAX, 1);
    expect_now("n0.test", RESOLVER_FOUND, 1);
    cr_expect_gt(resolver_ttl_ms(resolver, "n2.test"), 0);
    cr_expect_eq(resolver_ttl_ms(resolver, "n1.test"), 0);
    begin(&lookup, "n1.test");
    cr_expect_eq(lookup.calls, 0);
    resolver_cancel(lookup.query);
}

Test(resolver, refuses_when_every_name_is_in_use)
{
    static struct lookup lookups[RESOLVER_NAMES_MAX];
    char host[32];

    for (size_t i = 0; i < COUNT(lookups); i++) {
        snprintf(host, sizeof(host), "n%zu.test", i);
        begin(&lookups[i], host);
        cr_assert_eq(lookups[i].calls, 0);
    }
    expect_now("more.test", RESOLVER_FAILED, 0);
    cr_assert(wire_until(loop, is_answered, &lookups[COUNT(lookups) - 1]));
    learn(RESOLVER_NAMES_MAX, 1);
}

/* A callback may ask for a name for which another has to be forgotten. */
struct greedy {
    struct lookup own, other;
};

static void
on_greedy(void *arg, enum resolver_result result,
    const struct address *addresses, size_t count)
{
    struct greedy *greedy = arg;

    begin(&greedy->other, "more.test");
    on_done(&greedy->own, result, addresses, count);
}

Test(resolver, keeps_a_name_while_its_answer_is_looked_at)
{
    static struct lookup lookups[RESOLVER_NAMES_MAX - 1];
    struct greedy greedy = { .own.calls = 0 };
    char host[32];
    uint32_t question;

    resolver_start(
        resolver, "a.test", on_greedy, &greedy, &greedy.own.query);
    question = script.question;
    for (size_t i = 0; i < COUNT(lookups); i++) {
        snprintf(host, sizeof(host), "n%zu.test", i);
        begin(&lookups[i], host);
    }
    reply(question, 5, 1, 60);
    cr_expect_eq(greedy.own.first, 5);
    cr_expect_eq(greedy.other.result, RESOLVER_FAILED);
    for (size_t i = 0; i < COUNT(lookups); i++)
        resolver_cancel(lookups[i].query);
}

Test(resolver, logs_a_failure_once_unless_others_do)
{
    static const struct resolver_reply silent = { .result = RESOLVER_FAILED };
    struct lookup lookup;
    char *log;

    begin(&lookup, "a.test");
    resolver_reply(resolver, script.question, &silent);
    begin(&lookup, "b.test");
    refuse(script.question, RESOLVER_UNKNOWN);
    refuse(script.question, RESOLVER_FAILED);
    reply(script.question, 1, 1, 60);
    log_close();
    log = scratch_read(scratch_path("log"));
    cr_assert_not_null(log);
    cr_expect_null(strstr(log, "a.test"));
    cr_assert_not_null(strstr(log, "cannot resolve \"b.test\": test\n"));
    cr_expect_null(strstr(strstr(log, "cannot") + 1, "cannot"));
    cr_expect_not_null(strstr(log, "\"b.test\" resolves again\n"));
    free(log);
}
