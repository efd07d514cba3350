/*
 * The observer: serves the control socket.
 *
 * `status` is answered from the board, with a few words from the master; what
 * changes something is the master's to do, and its replies are passed on.  A
 * client that leaves before its answer has come cancels nothing.
 */
#ifndef PROCESS_OBSERVER_H
#define PROCESS_OBSERVER_H

#include <sys/types.h>

#include "base/base.h"

struct board;
struct pulse_seed;

/* Runs until the master closes its end of `master_fd` (taken).  `listen_fd`
 * (borrowed): see control_listen().  `owner`: who may ask, besides root.
 * Signals are the master's matter and are ignored from now on.  Returns the
 * exit code of the process. */
NODISCARD int observer_run(int master_fd, int listen_fd, struct board *board,
    uid_t owner, const struct pulse_seed *pulse);

#endif
