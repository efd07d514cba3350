#include "net/loop.h"
#include "relay/flow.h"
#include "relay/flow_move.h"

enum {
    EARNED_SHARE = 16,
    CHOKED_CHUNK = 2 * FLOW_CHUNK_LEAST, /* never less again: see below */
    ROOM_LEAST = 2 << 10,
    SHARE_LEAST = 8 << 10,  /* even for a sink whose peer is only far away */
    LAGS = 64 << 10,        /* with so much in its kernel's queue */
    KEPT_FREELY = 1 << 20,  /* for all sinks of a worker */
};

/* A sink's kernel takes some MiB at first, whether the peer reads them or not;
 * of the chunk that meets its limit nearly all has to be kept: so a chunk is a
 * small part of what was taken before.  (What can be spliced will not be kept
 * here, but in one of few pipes.) */
static bool
is_earned(const struct flow *flow)
{
    return flow_may_splice(flow) ||
        flow->bytes / EARNED_SHARE >= flow->chunk;
}

/* Bulk earns larger chunks; a sink that chokes on one holds less next time. */
static void
adapt_chunk(struct flow *flow, bool full, enum stream_status written)
{
    if (written == STREAM_AGAIN)
        flow->chunk =
            flow->chunk > CHOKED_CHUNK ? flow->chunk / 2 : CHOKED_CHUNK;
    if (written != STREAM_OK || !full || !is_earned(flow))
        return;
    if (flow->chunk < LOOP_SCRATCH_BYTES)
        flow->chunk *= 2;
    else if (flow_may_splice(flow))
        flow->splicing = true;
}

/* The more is kept for all sinks together, the less is read for one whose queue
 * is long: many that stop reading cost little more than few.  (When the kernel
 * has no memory for sockets any more, tcp_mem in tcp(7), it takes nothing even
 * where there seems to be room.) */
static size_t
share_of_lagging(const struct loop *loop)
{
    size_t share = FLOW_CHUNK_LEAST * (size_t)KEPT_FREELY / loop->kept;

    return share > SHARE_LEAST ? share : SHARE_LEAST;
}

/* What the sink will not take now would have to be kept, so that is not read: a
 * reader that stops for good costs next to nothing.  A sink that was never fast
 * and never choked is not asked: that saves a call.  0: there is no room. */
static size_t
choose_copy_size(const struct flow *flow)
{
    const struct loop *loop = flow->to->loop;
    bool scarce = loop->kept > KEPT_FREELY;
    size_t room, queued, most = flow->chunk;

    if (flow->chunk == FLOW_CHUNK_LEAST && !scarce)
        return FLOW_CHUNK_LEAST;
    room = stream_room(flow->to, &queued);
    if (room == 0)
        return 0;
    if (scarce && queued > LAGS)
        most = share_of_lagging(loop);
    room = room / 2 > ROOM_LEAST ? room / 2 : ROOM_LEAST;
    return room < most ? room : most;
}

enum stream_status
flow_copy(struct flow *flow)
{
    uint8_t *scratch = flow->from->loop->scratch;
    size_t size = choose_copy_size(flow), got;
    enum stream_status status;
    bool full;

    flow->sink_full = size == 0;
    if (flow->sink_full)
        return STREAM_AGAIN;
    status = stream_read(flow->from, scratch, size, &got);
    if (status != STREAM_OK)
        return status;
    full = got == size;
    flow->bytes += got;
    status = stream_write(flow->to, scratch, got);
    if (status != STREAM_OK && status != STREAM_AGAIN) {
        flow->state = FLOW_BROKEN;
        return status;
    }
    adapt_chunk(flow, full && size >= FLOW_CHUNK_LEAST, status);
    /* Fewer bytes than asked for: another look would find none. */
    return full ? STREAM_OK : STREAM_AGAIN;
}
