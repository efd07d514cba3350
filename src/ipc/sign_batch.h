/*
 * Signatures that are asked for, or made, together: one message carries several,
 * because sending one, and waking its reader, costs as much as a signature.
 *
 * In the message one stands behind the other: the fixed struct, `length` bytes,
 * and zeros up to a multiple of eight.
 */
#ifndef IPC_SIGN_BATCH_H
#define IPC_SIGN_BATCH_H

#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "ipc/message_types.h"

enum {
    SIGN_BATCH_BYTES = MESSAGE_BYTES_MAX - sizeof(struct message_header),
    /* Few enough that a keeper of two workers keeps neither waiting for long. */
    SIGN_BATCH_MAX = 32,
};

/* Being filled.  Zero-initialise. */
struct sign_batch {
    unsigned count;
    size_t length;
    alignas(8) char bytes[SIGN_BATCH_BYTES];
};

/* False: it is full, send it first (`length` of its bytes).  An empty one takes
 * any that is sound. */
NODISCARD bool sign_batch_add_sign(struct sign_batch *batch,
    const struct message_sign *sign, const unsigned char *bytes);
NODISCARD bool sign_batch_add_signed(struct sign_batch *batch,
    const struct message_signed *answer, const unsigned char *signature);

/* Empties it, once it has been sent. */
void sign_batch_clear(struct sign_batch *batch);

/* The one at `*at` of a message, which moves on; its bytes are behind it.  NULL:
 * there is none, or it is not whole. */
const struct message_sign *sign_batch_sign(
    const struct message *message, size_t *at);
const struct message_signed *sign_batch_signed(
    const struct message *message, size_t *at);

#endif
