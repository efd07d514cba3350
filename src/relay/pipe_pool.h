/*
 * Pipes for splice(2), kept for reuse.
 *
 * Pipe memory is a per-user resource (pipe(7)), so a few large pipes are
 * shared by the flows that move bulk at the moment, and a flow that gets none
 * copies.
 */
#ifndef RELAY_PIPE_POOL_H
#define RELAY_PIPE_POOL_H

#include <stddef.h>

#include "base/base.h"

/* The most pipes that one worker has open, and what each should hold. */
enum { PIPE_POOL_MAX = 16, PIPE_BYTES = 1 << 20 };

struct pipe {
    struct pipe *next; /* while in the pool */
    int read_fd;
    int write_fd;
    size_t size;   /* what it holds at most */
    size_t length; /* what is in it */
};

struct pipe_pool {
    struct pipe *idle;
    size_t open; /* idle and taken */
};

/* NULL: none to be had now. */
NODISCARD struct pipe *pipe_take(struct pipe_pool *pool);

/* Gives back; one that is not empty is closed.  NULL is allowed. */
void pipe_give(struct pipe_pool *pool, struct pipe *pipe);

/* Closes all idle ones. */
void pipe_pool_clear(struct pipe_pool *pool);

#endif
