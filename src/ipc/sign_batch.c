#include "ipc/sign_batch.h"

#include <string.h>

/* What both structs begin with. */
struct head {
    uint32_t number, length;
};

_Static_assert(offsetof(struct message_sign, length) ==
        offsetof(struct head, length) &&
    offsetof(struct message_signed, length) == offsetof(struct head, length),
    "the length is found without knowing which it is");
_Static_assert(sizeof(struct message_sign) % 8 == 0 &&
    sizeof(struct message_signed) % 8 == 0, "all are aligned");

static size_t
padded_length(size_t length)
{
    return (length + 7) / 8 * 8;
}

static bool
append_item(struct sign_batch *batch, const void *fixed, size_t size,
    const unsigned char *bytes, size_t length)
{
    char *to = batch->bytes + batch->length;
    size_t all = size + padded_length(length);

    if (batch->count == SIGN_BATCH_MAX ||
        all > sizeof(batch->bytes) - batch->length)
        return false;
    memcpy(to, fixed, size);
    if (length > 0)
        memcpy(to + size, bytes, length);
    memset(to + size + length, 0, padded_length(length) - length);
    batch->length += all;
    batch->count++;
    return true;
}

bool
sign_batch_add_sign(struct sign_batch *batch, const struct message_sign *sign,
    const unsigned char *bytes)
{
    return append_item(batch, sign, sizeof(*sign), bytes, sign->length);
}

bool
sign_batch_add_signed(struct sign_batch *batch,
    const struct message_signed *answer, const unsigned char *signature)
{
    return append_item(batch, answer, sizeof(*answer), signature,
        answer->length);
}

void
sign_batch_clear(struct sign_batch *batch)
{
    batch->count = 0;
    batch->length = 0;
}

static const void *
next_item(const struct message *message, size_t *at, size_t size)
{
    const char *from = message->text + *at;
    size_t left = message->text_length - *at, all;
    const struct head *head = (const void *)from;

    if (left < size || head->length > left - size)
        return NULL;
    all = size + padded_length(head->length);
    if (all > left)
        return NULL;
    *at += all;
    return from;
}

const struct message_sign *
sign_batch_sign(const struct message *message, size_t *at)
{
    return next_item(message, at, sizeof(struct message_sign));
}

const struct message_signed *
sign_batch_signed(const struct message *message, size_t *at)
{
    return next_item(message, at, sizeof(struct message_signed));
}
