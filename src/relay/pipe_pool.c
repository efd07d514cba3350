#include "relay/pipe_pool.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

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
    struct pipe *pipe = pool->idle;

    if (pipe != NULL)
        pool->idle = pipe->next;
    else if (pool->open < PIPE_POOL_MAX)
        pipe = open_pipe(pool);
    return pipe;
}

void
pipe_give(struct pipe_pool *pool, struct pipe *pipe)
{
    if (pipe == NULL)
        return;
    if (pipe->length > 0) {
        close_pipe(pool, pipe);
        return;
    }
    pipe->next = pool->idle;
    pool->idle = pipe;
}

void
pipe_pool_clear(struct pipe_pool *pool)
{
    while (pool->idle != NULL) {
        struct pipe *pipe = pool->idle;

        pool->idle = pipe->next;
        close_pipe(pool, pipe);
    }
}
