#include "roles/keeper_client.h"

#include <sys/socket.h>

#include <stdalign.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/error.h"
#include "base/log.h"
#include "base/scratch.h"
#include "ipc/channel.h"
#include "ipc/message.h"
#include "ipc/sign_batch.h"
#include "net/loop.h"
#include "net/wire.h"
#include "tls/tls_signer.h"

static struct loop *loop;
static struct keeper_client *client;
static struct tls_signer *signer;
static int lost; /* how often it has said so */
static int keeper; /* the far end: what a keeper would say is said by hand */

static const unsigned char digest[32] = "what is to be signed";

/* The message that questions are taken from. */
static struct {
    struct message message;
    size_t at;
    alignas(8) char packet[MESSAGE_BYTES_MAX + 1];
} got;

struct asking {
    struct tls_signing signing; /* first: on_done() finds the rest */
    int calls;
};

static void
on_done(struct tls_signing *signing)
{
    ((struct asking *)signing)->calls++;
}

static void
begin(struct asking *asking, unsigned char key)
{
    *asking = (struct asking){
        .signing.done = on_done,
        .signing.request = {
            .key.bytes = { key },
            .scheme = TLS_SIGN_ECDSA,
            .digest = TLS_DIGEST_SHA256,
            .bytes = digest,
            .length = sizeof(digest),
        },
    };
    signer->start(signer, &asking->signing);
}

static void
on_lost(void *arg)
{
    ++*(int *)arg;
}

static void
connect_keeper(void)
{
    int fds[2];

    cr_assert(channel_pair(fds));
    keeper = fds[1];
    keeper_client_connect(client, fds[0]);
}

static void
lose_keeper(void)
{
    close(keeper);
    wire_turn(loop);
    keeper = -1;
    got.at = got.message.text_length = 0;
}

static void
set_up(void)
{
    scratch_log_open(LOG_LEVEL_DEBUG);
    loop = loop_new();
    client = keeper_client_new(loop, on_lost, &lost);
    cr_assert_not_null(client);
    signer = keeper_client_signer(client);
    keeper = -1;
}

static void
tear_down(void)
{
    keeper_client_free(client);
    loop_free(loop);
    if (keeper >= 0)
        close(keeper);
    log_close();
    scratch_remove();
}

TestSuite(keeper_client, .init = set_up, .fini = tear_down, .timeout = 30);

static void
read_message(void)
{
    ssize_t size;

    wire_turn(loop);
    size = recv(keeper, got.packet, MESSAGE_BYTES_MAX, MSG_DONTWAIT);
    cr_assert_gt(size, 0, "no question");
    cr_assert(message_judge(got.packet, (size_t)size, 0, ROLE_WORKER,
        ROLE_KEEPER, &got.message));
    got.at = 0;
}

/* The number of the next question, which must be about `key`. */
static uint32_t
expect_question(unsigned char key)
{
    const struct message_sign *sign;

    if (got.at == got.message.text_length)
        read_message();
    sign = sign_batch_sign(&got.message, &got.at);
    cr_assert_not_null(sign);
    cr_expect_eq(sign->key.bytes[0], key);
    cr_expect_eq(sign->scheme, TLS_SIGN_ECDSA);
    cr_expect_eq(sign->digest, TLS_DIGEST_SHA256);
    cr_expect_eq(sign->length, sizeof(digest));
    cr_expect_eq(memcmp(sign + 1, digest, sizeof(digest)), 0);
    return sign->number;
}

static bool
is_quiet(void)
{
    char byte;

    wire_turn(loop);
    return got.at == got.message.text_length &&
        recv(keeper, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0;
}

/* `text` NULL: refused. */
static void
answer(uint32_t number, const char *text)
{
    struct {
        struct message_header header;
        struct message_signed fixed;
        char text[64];
    } packet = { .header.type = MESSAGE_SIGNED, .fixed.number = number };
    size_t length = text != NULL ? strlen(text) : 0;

    memcpy(packet.text, text != NULL ? text : "", length);
    packet.fixed.length = (uint32_t)length;
    length = (length + 7) / 8 * 8;
    packet.header.length = (uint32_t)(sizeof(packet.fixed) + length);
    length += sizeof(packet.header) + sizeof(packet.fixed);
    cr_assert_eq(send(keeper, &packet, length, 0), (ssize_t)length);
    wire_turn(loop);
}

Test(keeper_client, asks_and_is_answered)
{
    struct asking first, second;

    connect_keeper();
    begin(&first, 1);
    begin(&second, 2);
    uint32_t one = expect_question(1), two;

    cr_expect_lt(got.at, got.message.text_length, "both came as one");
    two = expect_question(2);
    cr_expect_eq(first.calls, 0);
    answer(two, "two"); /* in whatever order */
    cr_expect_eq(first.calls, 0);
    cr_expect_eq(second.calls, 1);
    cr_expect_eq(second.signing.length, 3);
    cr_expect_arr_eq(second.signing.signature, "two", 3);
    answer(one, NULL);
    cr_expect_eq(first.calls, 1);
    cr_expect_eq(first.signing.length, 0);
    cr_expect(is_quiet());
}

Test(keeper_client, waits_for_a_keeper)
{
    struct asking early, later;

    begin(&early, 1);
    wire_turn(loop);
    cr_expect_eq(early.calls, 0);
    connect_keeper();
    begin(&later, 2);
    answer(expect_question(1), "a");
    answer(expect_question(2), "b");
    cr_expect_eq(early.calls, 1);
    cr_expect_eq(later.calls, 1);
}

Test(keeper_client, asks_the_next_keeper_again)
{
    struct asking answered, open, newer;
    uint32_t number;

    connect_keeper();
    begin(&answered, 1);
    begin(&open, 2);
    answer(expect_question(1), "a");
    number = expect_question(2);
    lose_keeper();
    begin(&newer, 3);
    connect_keeper();
    cr_expect_eq(expect_question(2), number);
    answer(number, "b");
    answer(expect_question(3), "c");
    cr_expect(is_quiet());
    cr_expect_eq(answered.calls, 1);
    cr_expect_eq(open.calls, 1);
    cr_expect_eq(newer.calls, 1);
}

Test(keeper_client, replaces_a_keeper_that_is_still_there)
{
    struct asking asking;
    int before;

    connect_keeper();
    begin(&asking, 1);
    (void)expect_question(1);
    before = keeper;
    got.at = got.message.text_length = 0;
    connect_keeper();
    answer(expect_question(1), "a");
    cr_expect_eq(asking.calls, 1);
    close(before);
}

Test(keeper_client, forgets_what_is_cancelled)
{
    struct asking asking[5];
    uint32_t numbers[COUNT(asking)];

    connect_keeper();
    for (unsigned char i = 0; i < COUNT(asking); i++) {
        begin(&asking[i], i);
        numbers[i] = expect_question(i);
    }
    signer->cancel(signer, &asking[0].signing); /* the first */
    signer->cancel(signer, &asking[2].signing); /* one amid others */
    signer->cancel(signer, &asking[4].signing); /* the last */
    for (size_t i = 0; i < COUNT(asking); i++)
        answer(numbers[i], "late");
    for (size_t i = 0; i < COUNT(asking); i++)
        cr_expect_eq(asking[i].calls, (int)(i % 2), "%zu", i);
    begin(&asking[0], 9);
    answer(expect_question(9), "new");
    cr_expect_eq(asking[0].calls, 1);
}

/* Those who leave do not make the keeper's queue longer than it may be. */
Test(keeper_client, asks_no_more_than_can_be_answered)
{
    static struct asking asking[KEEPER_CLIENT_ASKED_MAX + 8];
    uint32_t first = 0;

    connect_keeper();
    for (size_t i = 0; i < COUNT(asking); i++)
        begin(&asking[i], (unsigned char)i);
    for (size_t i = 0; i < KEEPER_CLIENT_ASKED_MAX; i++) {
        uint32_t number = expect_question((unsigned char)i);

        first = i == 0 ? number : first;
    }
    cr_expect(is_quiet());
    for (size_t i = 0; i < 4; i++)
        signer->cancel(signer, &asking[i].signing);
    /* One that was never asked. */
    signer->cancel(signer, &asking[KEEPER_CLIENT_ASKED_MAX].signing);
    cr_expect(is_quiet());
    answer(first, "nobody wants it");
    (void)expect_question((unsigned char)(KEEPER_CLIENT_ASKED_MAX + 1));
    cr_expect(is_quiet());
}

Test(keeper_client, tells_that_there_is_nobody_to_ask)
{
    struct asking asking;

    wire_turn_for(loop, 1100);
    cr_expect_eq(lost, 0); /* nothing is asked */
    begin(&asking, 1);
    wire_turn_for(loop, 1100);
    cr_expect_eq(lost, 1);
    connect_keeper();
    answer(expect_question(1), "a");
    wire_turn_for(loop, 1100);
    cr_expect_eq(lost, 1);
}

Test(keeper_client, believes_no_nonsense)
{
    static const struct {
        uint32_t type, length;
        size_t text;
    } cases[] = {
        { MESSAGE_SIGN, 8, 8 },     /* that is ours to ask */
        { MESSAGE_SIGNED, 9, 8 },   /* longer than the message */
        { MESSAGE_SIGNED, 8, 0 },
        { MESSAGE_SIGNED, 0, 7 },   /* and something behind it */
        { MESSAGE_SIGNED, UINT32_MAX, 8 },
        { MESSAGE_SIGNED, TLS_SIGNATURE_MAX + 1, TLS_SIGNATURE_MAX + 8 },
        { MESSAGE_END, 8, 8 },
        { 4711, 8, 8 },
    };
    struct asking asking;

    begin(&asking, 1);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct {
            struct message_header header;
            struct message_signed fixed;
            char text[TLS_SIGNATURE_MAX + 8];
        } packet = { .header.type = cases[i].type };

        connect_keeper();
        packet.fixed.number = expect_question(1);
        packet.fixed.length = cases[i].length;
        packet.header.length =
            (uint32_t)(sizeof(packet.fixed) + cases[i].text);
        cr_assert(send(keeper, &packet,
            sizeof(packet.header) + packet.header.length, 0) > 0);
        wire_turn(loop);
        cr_expect_eq(asking.calls, 0, "case %zu", i);
        lose_keeper();
    }
    connect_keeper();
    answer(expect_question(1), "good");
    cr_expect_eq(asking.calls, 1);
}
