/*
 * Pipes for splice(2), kept for reuse.
 *
 * Pipe memory is a per-user resource (pipe(7)), so a few large pipes are
 * shared by the flows that move bulk at the moment, and a flow that gets none
 * copies.  A flow whose sink takes nothing for a moment is to empty its pipe for
 * another one: readers that stop must not hold them all.
 */
#ifndef RELAY_PIPE_POOL_H
#define RELAY_PIPE_POOL_H

#include <sys/queue.h>

#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

/* The most pipes that one worker has open, and what each should hold. */
enum { PIPE_POOL_MAX = 16, PIPE_BYTES = 1 << 20 };

/* How long bytes may wait in a pipe that another flow needs. */
enum { PIPE_BLOCKED_MS = 100 };

struct pipe {
    SLIST_ENTRY(pipe) entry; /* of those that are idle, or blocked */
    void *holder;      /* while it is blocked */
    uint64_t since_ms; /* ... and since when */
    int read_fd;
    int write_fd;
    size_t size;   /* what it holds at most */
    size_t length; /* what is in it */
};

struct pipe_pool {
    SLIST_HEAD(, pipe) idle;
    SLIST_HEAD(, pipe) blocked; /* taken; longest last */
    size_t open; /* idle and taken */
};

/* NULL: none to be had now. */
NODISCARD struct pipe *pipe_take(struct pipe_pool *pool);

/* Notes that the bytes in it wait for a sink, until it is given back; `holder` is
 * what pipe_longest_blocked() returns. */
void pipe_note_blocked(
    struct pipe_pool *pool, struct pipe *pipe, void *holder);

/* The holder whose bytes have waited longest; NULL: none have for longer than
 * PIPE_BLOCKED_MS. */
void *pipe_longest_blocked(const struct pipe_pool *pool);

/* Gives back; one that is not empty is closed.  NULL is allowed. */
void pipe_give(struct pipe_pool *pool, struct pipe *pipe);

/* Closes all idle ones. */
void pipe_pool_clear(struct pipe_pool *pool);

#endif
