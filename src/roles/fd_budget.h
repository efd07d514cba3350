/* How many descriptors a worker needs. */
#ifndef ROLES_FD_BUDGET_H
#define ROLES_FD_BUDGET_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

struct config;
struct error;

/* Raises this process's limit on descriptors to what `config` needs of one
 * worker: the kernel may give it all connections, and it may be the last of
 * `workers` and have all their sockets.  False: the system does not allow it,
 * and `error` says what to do. */
NODISCARD bool fd_budget_raise(
    const struct config *config, unsigned workers, struct error *error);

/* The same, as far as the system lets us: the trial tells of what it does not.
 * Children that are started afterwards inherit the limit. */
void fd_budget_prepare(const struct config *config, unsigned workers);

/* Gives this process's limit to the process `pid`, if that has a lower one, as far
 * as the system lets us (prlimit(2)). */
void fd_budget_share(pid_t pid);

#endif
