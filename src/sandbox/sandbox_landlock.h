/* Landlock, landlock(7): no files, and only some ports to connect to; for the
 * trial only some to bind, and folders to make unix sockets in. */
#ifndef SANDBOX_SANDBOX_LANDLOCK_H
#define SANDBOX_SANDBOX_LANDLOCK_H

#include <stdbool.h>

#include "base/base.h"
#include "ipc/role.h"

struct error;
struct sandbox_reach;

/* What each version of the kernel's interface is the first to restrict. */
enum {
    LANDLOCK_FILES = 1,
    LANDLOCK_TCP = 4,
    LANDLOCK_SCOPES = 6, /* abstract unix sockets, and signals */
};

/* The version that is in force here; 0: none. */
int sandbox_landlock_version(void);

/* Confines this process, which can gain no privileges any more, as far as the
 * kernel is able to; `reach`: a worker's or the trial's.  False: `error` says why. */
NODISCARD bool sandbox_landlock_confine(
    enum role role, const struct sandbox_reach *reach, struct error *error);

#endif
