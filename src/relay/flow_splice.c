#include <errno.h>
#include <fcntl.h>

#include "net/loop.h"
#include "relay/flow.h"
#include "relay/flow_move.h"
#include "relay/pipe_pool.h"

/* Less than this in one go is copied as cheaply. */
enum { BULK_BYTES = 64 << 10 };

bool
flow_splice_possible(const struct flow *flow)
{
    return flow->pipes != NULL && flow->from->ops == &stream_plain_ops &&
        flow->to->ops == &stream_plain_ops;
}

static void
stop_splicing(struct flow *flow)
{
    flow->splicing = false;
    flow->chunk = BULK_BYTES;
}

/* An idle flow keeps no pipe: they are few. */
static void
give_back(struct flow *flow)
{
    pipe_give(flow->pipes, flow->pipe);
    flow->pipe = NULL;
}

static ssize_t
move(int from, int to, size_t size)
{
    ssize_t n;

    do
        n = splice(
            from, NULL, to, NULL, size, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    while (n < 0 && errno == EINTR);
    return n;
}

enum stream_status
flow_splice_drain(struct flow *flow)
{
    struct pipe *pipe = flow->pipe;

    while (pipe->length > 0) {
        ssize_t n = move(pipe->read_fd, flow->to->fd, pipe->length);

        if (n < 0 && errno == EAGAIN)
            return STREAM_AGAIN;
        if (n <= 0) {
            flow->to->error = n < 0 ? errno : EPIPE;
            return STREAM_RESET;
        }
        pipe->length -= (size_t)n;
    }
    give_back(flow);
    return STREAM_OK;
}

enum stream_status
flow_splice(struct flow *flow)
{
    ssize_t n;

    flow->pipe = pipe_take(flow->pipes);
    if (flow->pipe == NULL) {
        stop_splicing(flow);
        return STREAM_OK;
    }
    n = move(flow->from->fd, flow->pipe->write_fd, flow->pipe->size);
    if (n > 0) {
        flow->pipe->length = (size_t)n;
        flow->bytes += (size_t)n;
        if (n < BULK_BYTES)
            stop_splicing(flow);
        return STREAM_OK;
    }
    give_back(flow);
    if (n == 0)
        return flow->from->error != 0 ? STREAM_RESET : STREAM_END;
    if (errno == EAGAIN)
        return STREAM_AGAIN;
    if (errno == EINVAL) { /* these sockets cannot: splice(2) */
        flow->pipes = NULL;
        stop_splicing(flow);
        return STREAM_OK;
    }
    flow->from->error = errno;
    return STREAM_RESET;
}
