/*
 * What workers say to each other through their handovers (worker_handover.h).
 *
 * The sender may be under an attacker's control: no field of a message is used
 * before handover_message_judge() has agreed to it.
 */
#ifndef ROLES_HANDOVER_MESSAGE_H
#define ROLES_HANDOVER_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/base.h"

enum handover_message_kind {
    HANDOVER_ROOM = 1,   /* a connection has ended: look at the limits */
    HANDOVER_CONNECTION, /* with the client's socket */
    HANDOVER_TAKEN,      /* so many that the reader has sent are counted in */
};

struct handover_message {
    uint16_t kind;
    uint16_t tls;     /* 0 or 1 */
    uint32_t service; /* its index on the scoreboard */
    uint32_t reserved;
    uint32_t count;   /* of those that were taken */
    uint64_t address; /* socket_address_id() of the acceptor */
    struct address client;
};

/* False: not in order, `*out` is undefined.  What was agreed to is of one of the
 * kinds; of all but the first, the service may be on the scoreboard, a
 * connection's `tls` is 0 or 1, and its client's address is no longer than there
 * is room for one. */
NODISCARD bool handover_message_judge(
    const void *bytes, size_t length, struct handover_message *out);

#endif
