/*
 * What processes say to each other over a SOCK_SEQPACKET pair: one small typed
 * message a packet, perhaps with descriptors (message_types.h).
 *
 * Either end may have been taken over, so nothing of a message is looked at
 * before message_judge() has agreed to its type, its direction, its size and the
 * number of its descriptors.
 */
#ifndef IPC_MESSAGE_H
#define IPC_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "ipc/message_types.h"
#include "ipc/role.h"

struct address;

/* A row of message_types.inc.  What has no row has no name either. */
struct message_info {
    const char *name;
    unsigned from; /* bits of roles */
    unsigned to;
    size_t fixed; /* bytes of the fixed part */
    size_t least; /* ... and behind it */
    size_t most;
    size_t fds;

    /* What the payload says, once its size is right.  NULL: any value will do. */
    bool (*judge)(const struct message *message);

    /* From a child (master/conduct.h): it comes once for each order. */
    bool is_answer;

    /* ... or one every so many milliseconds, and so many at once: a master that
     * has been busy hears all that was said meanwhile.  Children keep well below:
     * they send a heartbeat a second, tell of what they have lost once a second,
     * and the admin paces what its clients ask.  0: it is bounded by an order, or
     * by what becomes of it. */
    unsigned every_ms;
    unsigned burst;
};

const struct message_info *message_info(enum message_type type);

/* Whether a process of role `from` may send it to one of role `to`. */
bool message_may_pass(enum message_type type, enum role from, enum role to);

/* Judges a packet of `length` bytes with `fd_count` descriptors, sent by a
 * process of role `from` to one of role `to`.  `packet` must be aligned as
 * malloc() aligns, and have room for one byte more, which is set to NUL.
 * False: not in order, `*out` is undefined.
 *
 * What was agreed to: every enum and flag is one of its values, texts are no
 * longer than above and hold no NUL but those that the layout asks for, and
 * there are as many addresses as were counted, IPv4 or IPv6 each. */
NODISCARD bool message_judge(void *packet, size_t length, size_t fd_count,
    enum role from, enum role to, struct message *out);

/* Of MESSAGE_SOCKET and those that are like it; the key is `message->text`. */
const char *message_socket_path(const struct message *message);

/* Of MESSAGE_RESOLVED: as many as its `count`. */
const struct address *message_addresses(const struct message *message);

const char *message_name(enum message_type type);

#endif
