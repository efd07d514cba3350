/*
 * Gives memory back to the system after a rush.
 *
 * The C library keeps what was freed below the last block in use, so that a
 * daemon that once had many connections would keep their memory for good.  What
 * a burst of handshakes needs it may keep.
 */
#ifndef ROLES_WORKER_MEMORY_H
#define ROLES_WORKER_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "net/timer.h"

struct event_base;

struct worker_memory {
    struct timer timer;
    size_t peak; /* connections, since memory was last given back */
};

/* False: out of memory. */
NODISCARD bool worker_memory_start(
    struct worker_memory *memory, struct event_base *base);
void worker_memory_stop(struct worker_memory *memory);

/* After each change of the number of connections. */
void worker_memory_note(struct worker_memory *memory, size_t connections);

#endif
