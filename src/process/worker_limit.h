/* How many workers there are to be, and how many descriptors each needs. */
#ifndef PROCESS_WORKER_LIMIT_H
#define PROCESS_WORKER_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

struct child;
struct config;
struct error;

/* As `workers` says, or one for each CPU that this process may use now. */
unsigned worker_limit_workers(const struct config *config);

/* Raises this process's limit on descriptors to what `config` needs of one
 * worker: the kernel may give it all connections, and it may be the last of
 * `workers` and have all their sockets.  False: the system does not allow it,
 * and `error` says what to do. */
NODISCARD bool worker_limit_raise(
    const struct config *config, unsigned workers, struct error *error);

/* Gives what is needed to this process, whose future children inherit it, and to
 * the workers among `children`, as far as the system lets us. */
void worker_limit_share(const struct config *config, unsigned workers,
    const struct child *children);

#endif
