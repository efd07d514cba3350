/*
 * The admin: serves the control socket.
 *
 * `status` is answered from the scoreboard, with a few words from the master; what
 * changes something is the master's to do, and its replies are passed on.  A
 * client that leaves before its answer has come cancels nothing.
 */
#ifndef ROLES_ADMIN_H
#define ROLES_ADMIN_H

#include <sys/types.h>

#include "base/base.h"

struct scoreboard;

/* Runs until the master closes its end of `master_fd` (taken).  `listen_fd`
 * (borrowed): see control_listen().  `owner`: may ask, as root may.
 * Signals are the master's matter and are ignored from now on.  Returns the
 * exit code of the process. */
NODISCARD int admin_run(int master_fd, int listen_fd, struct scoreboard *board,
    uid_t owner);

#endif
