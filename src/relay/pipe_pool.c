#include "relay/pipe_pool.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"

/* Past the user's soft limit a new pipe holds a page or two: not worth it. */
enum { PIPE_LEAST_BYTES = 64 << 10 };

static void
close_pipe(struct pipe_pool *pool, struct pipe *pipe)
{
    close(pipe->read_fd);
    close(pipe->write_fd);
    free(pipe);
    pool->open--;
}

static struct pipe *
open_pipe(struct pipe_pool *pool)
{
    struct pipe *pipe = calloc(1, sizeof(*pipe));
    int fds[2], size;

    if (pipe == NULL)
        return NULL;
    if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) < 0) {
        free(pipe);
        return NULL;
    }
    pipe->read_fd = fds[0];
    pipe->write_fd = fds[1];
    pool->open++;
    size = fcntl(fds[0], F_SETPIPE_SZ, PIPE_BYTES);
    if (size < 0)
        size = fcntl(fds[0], F_GETPIPE_SZ);
    if (size < PIPE_LEAST_BYTES) {
        close_pipe(pool, pipe);
        return NULL;
    }
    pipe->size = (size_t)size;
    return pipe;
}

struct pipe *
pipe_take(struct pipe_pool *pool)
{
    struct pipe *pipe = SLIST_FIRST(&pool->idle);

    if (pipe != NULL)
        SLIST_REMOVE_HEAD(&pool->idle, entry);
    else if (pool->open < PIPE_POOL_MAX)
        pipe = open_pipe(pool);
    return pipe;
}

void
pipe_note_blocked(struct pipe_pool *pool, struct pipe *pipe, void *holder)
{
    if (pipe->holder != NULL)
        return;
    pipe->holder = holder;
    pipe->since_ms = clock_now_ms();
    SLIST_INSERT_HEAD(&pool->blocked, pipe, entry);
}

static void
forget_blocked(struct pipe_pool *pool, struct pipe *pipe)
{
    if (pipe->holder == NULL)
        return;
    SLIST_REMOVE(&pool->blocked, pipe, pipe, entry);
    pipe->holder = NULL;
}

/* Pipes are few, so looking for the last one costs nothing. */
void *
pipe_longest_blocked(const struct pipe_pool *pool)
{
    const struct pipe *pipe, *longest = NULL;

    SLIST_FOREACH(pipe, &pool->blocked, entry)
        longest = pipe;
    if (longest == NULL ||
        clock_now_ms() < longest->since_ms + PIPE_BLOCKED_MS)
        return NULL;
    return longest->holder;
}

void
pipe_give(struct pipe_pool *pool, struct pipe *pipe)
{
    if (pipe == NULL)
        return;
    forget_blocked(pool, pipe);
    if (pipe->length > 0) {
        close_pipe(pool, pipe);
        return;
    }
    SLIST_INSERT_HEAD(&pool->idle, pipe, entry);
}

void
pipe_pool_clear(struct pipe_pool *pool)
{
    struct pipe *pipe;

    while ((pipe = SLIST_FIRST(&pool->idle)) != NULL) {
        SLIST_REMOVE_HEAD(&pool->idle, entry);
        close_pipe(pool, pipe);
    }
}
