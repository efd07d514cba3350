/*
 * What workers say to each other through their inboxes (worker_inbox.h).
 *
 * Whoever sends may have been taken over: nothing of a word is looked at before
 * worker_word_judge() has agreed to it.
 */
#ifndef PROCESS_WORKER_WORD_H
#define PROCESS_WORKER_WORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/base.h"

enum worker_word_kind {
    WORKER_WORD_ROOM = 1,   /* a connection has ended: look at the limits */
    WORKER_WORD_CONNECTION, /* with the client's socket */
};

struct worker_word {
    uint16_t kind;
    uint16_t tls;     /* 0 or 1 */
    uint32_t service; /* its index on the board */
    uint64_t address; /* socket_address_id() of the door */
    struct address client;
};

/* False: not in order, `*out` is undefined.  What was agreed to is of one of the
 * kinds; a connection's service may have an index on the board, its `tls` is 0
 * or 1, and its client's address is no longer than there is room for one. */
NODISCARD bool worker_word_judge(
    const void *bytes, size_t length, struct worker_word *out);

#endif
