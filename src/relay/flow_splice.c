#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "net/loop.h"
#include "relay/flow.h"
#include "relay/flow_move.h"
#include "relay/pipe_pool.h"

/* Less than this in one go is copied as cheaply. */
enum { BULK_BYTES = 64 << 10 };

static void
stop_splicing(struct flow *flow)
{
    flow->splicing = false;
    flow->chunk = BULK_BYTES;
}

/* An idle flow keeps no pipe: they are few. */
static void
give_back_pipe(struct flow *flow)
{
    pipe_give(flow->pipes, flow->pipe);
    flow->pipe = NULL;
}

static ssize_t
splice_bytes(int from, int to, size_t size)
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
        ssize_t n = splice_bytes(pipe->read_fd, flow->to->fd, pipe->length);

        if (n < 0 && errno == EAGAIN) {
            pipe_note_blocked(flow->pipes, pipe, flow);
            return STREAM_AGAIN;
        }
        if (n <= 0) {
            flow->to->error = n < 0 ? errno : EPIPE;
            return STREAM_RESET;
        }
        pipe->length -= (size_t)n;
        flow->to->moved += (uint64_t)n;
    }
    give_back_pipe(flow);
    return STREAM_OK;
}

/* What is in the pipe waits in the sink's own memory from here on; where the sink
 * is gone, it is lost.  (Should there be no memory, the stream is broken, which
 * its next use tells.) */
static void
empty_pipe(struct flow *flow)
{
    struct pipe *pipe = flow->pipe;
    uint8_t *scratch = flow->to->loop->scratch;
    bool gone = flow->state == FLOW_BROKEN || !stream_is_open(flow->to);

    while (pipe->length > 0 && !gone) {
        ssize_t n = read(pipe->read_fd, scratch, LOOP_SCRATCH_BYTES);

        if (n <= 0 || !stream_keep(flow->to, scratch, (size_t)n)) {
            flow->to->error = ENOMEM;
            break;
        }
        pipe->length -= (size_t)n;
    }
    give_back_pipe(flow);
}

/* NULL: none is to be had now, nor from a flow whose sink has taken nothing for
 * a while. */
static struct pipe *
find_pipe(struct pipe_pool *pool)
{
    struct pipe *pipe = pipe_take(pool);
    struct flow *blocked;

    if (pipe != NULL)
        return pipe;
    blocked = pipe_longest_blocked(pool);
    if (blocked == NULL)
        return NULL;
    empty_pipe(blocked);
    return pipe_take(pool);
}

/* What the sink's kernel would not take has to wait, so it stays with the source:
 * a reader that stops leaves little in the pipe.  0: the kernel has so little
 * room that it does not say that it is writable. */
static size_t
choose_splice_size(const struct flow *flow)
{
    size_t queued, room = stream_room(flow->to, &queued);

    if (room >= BULK_BYTES)
        return room;
    return room < queued / 2 ? 0 : BULK_BYTES;
}

enum stream_status
flow_splice(struct flow *flow)
{
    size_t size = choose_splice_size(flow);
    ssize_t n;

    flow->sink_full = size == 0;
    if (flow->sink_full)
        return STREAM_AGAIN;
    flow->pipe = find_pipe(flow->pipes);
    if (flow->pipe == NULL) {
        stop_splicing(flow);
        return STREAM_OK;
    }
    if (size > flow->pipe->size)
        size = flow->pipe->size;
    n = splice_bytes(flow->from->fd, flow->pipe->write_fd, size);
    if (n > 0) {
        flow->pipe->length = (size_t)n;
        flow->bytes += (size_t)n;
        flow->from->moved += (uint64_t)n;
        if (n < BULK_BYTES)
            stop_splicing(flow);
        return STREAM_OK;
    }
    give_back_pipe(flow);
    /* At an urgent mark splice(2) says so although there is input, and even
     * behind a FIN that it has not reached: recv(2) has the last word. */
    if (n == 0 || errno == EAGAIN)
        return flow_copy(flow);
    if (errno == EINVAL) { /* these sockets cannot: splice(2) */
        flow->pipes = NULL;
        stop_splicing(flow);
        return STREAM_OK;
    }
    flow->from->error = errno;
    return STREAM_RESET;
}
