/*
 * Listening sockets that do not listen any more.  The socket belongs to every
 * process that has a descriptor of it, and each of them can end it for all: by
 * shutdown(2), or by connect(2) to AF_UNSPEC.
 */
#ifndef NET_LISTENER_REVIVE_H
#define NET_LISTENER_REVIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

struct error;
struct leg_config;
struct listener_socket;

/* `dead[i]`: clients are not let in at `fds[i]` any more.  False: out of memory,
 * nothing has been looked at. */
NODISCARD bool listener_find_dead(const int *fds, size_t count, bool *dead);

/* Has it listen again: at a TCP address the same socket, at a unix path another
 * one under the same descriptor number, so that its path must be ours still.
 * Descriptors in other processes follow at a TCP address only.  False:
 * `error` says why; it may have what is less than it was, otherwise. */
NODISCARD bool listener_revive(struct listener_socket *socket,
    const struct leg_config *leg, struct error *error);

#endif
