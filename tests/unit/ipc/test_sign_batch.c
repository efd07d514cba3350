#include "ipc/sign_batch.h"

#include <sys/socket.h>

#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "ipc/message.h"

static struct sign_batch batch;
static alignas(8) char packet[MESSAGE_BYTES_MAX + 8];
static const unsigned char bytes[TLS_SIGN_BYTES_MAX] = "what is to be signed";

static void
set_up(void)
{
    sign_batch_clear(&batch);
}

TestSuite(sign_batch, .init = set_up);

/* As the far side judges the batch; cut or changed by `edit`. */
static bool
judge(enum message_type type, struct message *message)
{
    struct message_header header = {
        .type = type, .length = (uint32_t)batch.length,
    };
    bool to_keeper = type == MESSAGE_SIGN;

    memcpy(packet, &header, sizeof(header));
    memcpy(packet + sizeof(header), batch.bytes, batch.length);
    return message_judge(packet, sizeof(header) + batch.length, 0,
        to_keeper ? ROLE_WORKER : ROLE_KEEPER,
        to_keeper ? ROLE_KEEPER : ROLE_WORKER, message);
}

static struct message_sign
sign_of(uint32_t number, uint32_t length)
{
    bool digest = length == 32;

    return (struct message_sign){
        .number = number,
        .length = length,
        .scheme = digest ? TLS_SIGN_ECDSA : TLS_SIGN_EDDSA,
        .digest = digest ? TLS_DIGEST_SHA256 : TLS_DIGEST_NONE,
        .key.bytes = { (unsigned char)number },
    };
}

static bool
add(uint32_t number, uint32_t length)
{
    struct message_sign sign = sign_of(number, length);

    return sign_batch_add_sign(&batch, &sign, bytes);
}

/* Of any length, and in order. */
Test(sign_batch, carries_what_was_put_in)
{
    static const uint32_t lengths[] = { 32, 1, 7, 8, 9, 32, 100, 3000 };
    const struct message_sign *sign;
    struct message message;
    size_t at = 0;

    for (uint32_t i = 0; i < COUNT(lengths); i++)
        cr_assert(add(i, lengths[i]));
    cr_assert(judge(MESSAGE_SIGN, &message));
    for (uint32_t i = 0; i < COUNT(lengths); i++) {
        sign = sign_batch_sign(&message, &at);
        cr_assert_not_null(sign);
        cr_expect_eq(sign->number, i);
        cr_expect_eq(sign->length, lengths[i]);
        cr_expect_eq(sign->key.bytes[0], i);
        cr_expect_eq(memcmp(sign + 1, bytes, lengths[i]), 0);
    }
    cr_expect_null(sign_batch_sign(&message, &at));
    cr_expect_eq(at, message.text_length);
}

Test(sign_batch, carries_answers_and_refusals)
{
    struct message_signed good = { 1, 71 }, refused = { 2, 0 };
    const struct message_signed *answer;
    struct message message;
    size_t at = 0;

    cr_assert(sign_batch_add_signed(&batch, &good, bytes));
    cr_assert(sign_batch_add_signed(&batch, &refused, NULL));
    cr_assert(sign_batch_add_signed(&batch, &good, bytes));
    cr_assert(judge(MESSAGE_SIGNED, &message));
    for (int i = 0; i < 3; i++) {
        answer = sign_batch_signed(&message, &at);
        cr_assert_not_null(answer);
        cr_expect_eq(answer->length, i == 1 ? 0 : 71);
    }
    cr_expect_null(sign_batch_signed(&message, &at));
}

Test(sign_batch, is_full_by_count_or_by_bytes)
{
    struct message message;

    for (uint32_t i = 0; i < SIGN_BATCH_MAX; i++)
        cr_assert(add(i, 32));
    cr_expect_not(add(99, 32));
    cr_expect(judge(MESSAGE_SIGN, &message));
    set_up();
    cr_assert(add(0, TLS_SIGN_BYTES_MAX), "the largest fits");
    cr_expect_not(add(1, TLS_SIGN_BYTES_MAX));
    cr_expect(add(2, 32), "a small one still does");
    cr_expect(judge(MESSAGE_SIGN, &message));
}

/* Where a hostile worker or keeper lies. */
Test(sign_batch, is_judged_one_by_one)
{
    struct message message;
    struct message_sign *second;

    cr_assert(add(0, 32));
    cr_assert(add(1, 32));
    cr_assert(judge(MESSAGE_SIGN, &message));
    second = (void *)(batch.bytes + batch.length / 2);
    second->length = 31;
    cr_expect_not(judge(MESSAGE_SIGN, &message), "no digest's length");
    second->length = UINT32_MAX;
    cr_expect_not(judge(MESSAGE_SIGN, &message), "longer than the message");
    second->length = UINT32_MAX - 6;
    cr_expect_not(judge(MESSAGE_SIGN, &message), "and with the padding");
    second->length = 32;
    second->scheme = TLS_SIGN_SCHEME_COUNT;
    cr_expect_not(judge(MESSAGE_SIGN, &message));
    second->scheme = TLS_SIGN_ECDSA;
    for (size_t whole = batch.length; batch.length > 0; batch.length--)
        cr_expect_eq(judge(MESSAGE_SIGN, &message),
            batch.length == whole || batch.length == whole / 2, "%zu",
            batch.length);
    cr_expect_not(judge(MESSAGE_SIGN, &message), "an empty one");
}

Test(sign_batch, has_signatures_of_a_size_only)
{
    struct message_signed answer = { 1, TLS_SIGNATURE_MAX };
    struct message message;

    cr_assert(sign_batch_add_signed(&batch, &answer, bytes));
    cr_expect(judge(MESSAGE_SIGNED, &message));
    set_up();
    answer.length++;
    cr_assert(sign_batch_add_signed(&batch, &answer, bytes));
    cr_expect_not(judge(MESSAGE_SIGNED, &message));
}

Test(sign_batch, has_no_more_than_it_may)
{
    struct message message;

    for (uint32_t i = 0; i < SIGN_BATCH_MAX; i++)
        cr_assert(add(i, 32));
    batch.count = 0;
    cr_assert(add(99, 32), "one more than an honest worker sends");
    cr_expect_not(judge(MESSAGE_SIGN, &message));
}
