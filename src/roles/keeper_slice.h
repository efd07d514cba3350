/*
 * How long a keeper runs before the kernel looks for another process: as briefly
 * as it may be.
 *
 * Linux runs a process that wakes at once if its slice is shorter than that of
 * the process on the core (since 6.12).  Without this the worker that is answered
 * interrupts the keeper, which has yet to go to sleep: each signature costs two
 * changes of process more.  A keeper has no larger share of a core for it.
 */
#ifndef ROLES_KEEPER_SLICE_H
#define ROLES_KEEPER_SLICE_H

#include "base/base.h"

enum { KEEPER_SLICE_NS = 100000 }; /* the shortest that Linux grants */

/* For this process, unless it has a policy of its own.  To be called before the
 * sandbox, which forbids it; a kernel or a service manager that forbids it makes
 * signatures dearer, no more. */
void keeper_slice_shorten(void);

#endif
