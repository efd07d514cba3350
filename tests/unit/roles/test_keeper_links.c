/* Links of a keeper that has no key: each request is answered, by a refusal. */
#include "roles/keeper_links.h"

#include <event2/event.h>

#include <criterion/criterion.h>

#include "ipc/channel.h"
#include "roles/keeper_keys.h"

static struct event_base *base;
static struct keeper_keys keys;
static struct keeper_links links;
static struct channel *worker;
static size_t answers, refused, ends;

static void
on_signed(void *arg, const struct message *message, const int *fds)
{
    const struct message_signed *answer;
    size_t at = 0;

    (void)arg;
    (void)fds;
    while ((answer = sign_batch_signed(message, &at)) != NULL) {
        answers++;
        refused += answer->length == 0;
    }
}

static channel_message_fn *const handlers[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_SIGNED] = on_signed,
};

static void
on_keeper_gone(void *arg, const char *why)
{
    (void)arg;
    (void)why;
}

static void
on_link_ended(void *arg)
{
    cr_expect_eq(arg, &ends);
    ends++;
}

static void
set_up(void)
{
    base = event_base_new();
    keeper_keys_init(&keys);
    keeper_links_init(&links, base, &keys, on_link_ended, &ends);
    answers = refused = ends = 0;
}

static void
tear_down(void)
{
    channel_free(worker);
    worker = NULL;
    keeper_links_close(&links);
    keeper_keys_clear(&keys);
    event_base_free(base);
}

TestSuite(keeper_links, .init = set_up, .fini = tear_down, .timeout = 30);

static void
open_link(bool listen)
{
    int fds[2];

    cr_assert(channel_pair(fds));
    keeper_links_add(&links, fds[0], listen);
    worker = channel_new(base, fds[1], ROLE_WORKER, ROLE_KEEPER, handlers,
        on_keeper_gone, NULL);
    cr_assert_not_null(worker);
}

static void
ask(unsigned count)
{
    static const unsigned char digest[32];
    const struct message_sign sign = { 1, sizeof(digest), TLS_SIGN_RSA_PSS,
        TLS_DIGEST_SHA256, { { 0 } } };
    struct sign_batch batch = { 0 };

    for (unsigned i = 0; i < count; i++)
        cr_assert(sign_batch_add_sign(&batch, &sign, digest));
    channel_send(
        worker, MESSAGE_SIGN, NULL, batch.bytes, batch.length, NULL, 0);
}

static void
turn(unsigned times)
{
    for (unsigned i = 0; i < times; i++)
        event_base_loop(base, EVLOOP_NONBLOCK);
}

Test(keeper_links, answer_each_request)
{
    open_link(true);
    ask(3);
    ask(1);
    turn(8);
    cr_expect_eq(answers, 4);
    cr_expect_eq(refused, 4);
    cr_expect_eq(links.answers.count, 0);
}

Test(keeper_links, hear_nothing_before_they_may)
{
    open_link(false);
    ask(2);
    turn(8);
    cr_expect_eq(answers, 0);
    keeper_links_listen(&links, true);
    turn(8);
    cr_expect_eq(answers, 2);
}

Test(keeper_links, tell_when_one_has_ended)
{
    cr_expect(keeper_links_is_empty(&links));
    open_link(true);
    cr_expect_not(keeper_links_is_empty(&links));
    channel_free(worker);
    worker = NULL;
    while (ends == 0)
        event_base_loop(base, EVLOOP_ONCE);
    cr_expect(keeper_links_is_empty(&links));
    cr_expect_eq(ends, 1);
}

Test(keeper_links, spin_on_a_core_of_their_own_only)
{
    keeper_spin_note(&links.spin, 1);
    cr_expect_not(keeper_links_spins(&links));
}
