#include "net/loop.h"
#include "relay/flow.h"
#include "relay/flow_move.h"

enum { CHUNK_LEAST = 16 << 10 };

/* Bulk earns larger chunks; a sink that chokes on one holds less next time. */
static void
adapt(struct flow *flow, bool full, enum stream_status written)
{
    if (written == STREAM_AGAIN && flow->chunk > CHUNK_LEAST)
        flow->chunk /= 2;
    else if (written == STREAM_OK && full &&
        flow->chunk < LOOP_SCRATCH_BYTES)
        flow->chunk *= 2;
    else if (written == STREAM_OK && full && flow_splice_possible(flow))
        flow->splicing = true;
}

enum stream_status
flow_copy(struct flow *flow)
{
    uint8_t *scratch = flow->from->loop->scratch;
    size_t got;
    enum stream_status status =
        stream_read(flow->from, scratch, flow->chunk, &got);
    bool full;

    if (status != STREAM_OK)
        return status;
    full = got == flow->chunk;
    flow->bytes += got;
    status = stream_write(flow->to, scratch, got);
    if (status != STREAM_OK && status != STREAM_AGAIN) {
        flow->state = FLOW_BROKEN;
        return status;
    }
    adapt(flow, full, status);
    /* Fewer bytes than asked for: another look would find none. */
    return full ? STREAM_OK : STREAM_AGAIN;
}
