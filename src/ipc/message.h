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

/* The size of the fixed part, for those who send, and how many descriptors go
 * with it. */
size_t message_fixed_bytes(enum message_type type);
size_t message_fd_count(enum message_type type);

/* Of MESSAGE_SOCKET and those that are like it; the key is `message->text`. */
const char *message_socket_path(const struct message *message);

/* Of MESSAGE_RESOLVED: as many as its `count`. */
const struct address *message_addresses(const struct message *message);

const char *message_name(enum message_type type);

#endif
