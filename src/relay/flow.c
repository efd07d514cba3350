#include "relay/flow.h"

#include "net/loop.h"
#include "relay/flow_move.h"
#include "relay/pipe_pool.h"

/* Then the others have their turn. */
enum { BUDGET_BYTES = LOOP_SCRATCH_BYTES };

void
flow_start(struct flow *flow, struct stream *from, struct stream *to,
    struct pipe_pool *pipes, bool tolerant)
{
    *flow = (struct flow){
        .from = from,
        .to = to,
        .pipes = pipes,
        .chunk = FLOW_CHUNK_LEAST,
        .tolerant = tolerant,
    };
}

void
flow_stop(struct flow *flow)
{
    if (flow->pipe != NULL)
        pipe_give(flow->pipes, flow->pipe);
    flow->pipe = NULL;
}

void
flow_cut(struct flow *flow)
{
    if (flow->state == FLOW_OPEN)
        flow->state = FLOW_CUT;
}

void
flow_accept_end(struct flow *flow)
{
    if (flow->state == FLOW_CUT)
        flow->state = FLOW_ENDING;
}

bool
flow_is_drained(const struct flow *flow)
{
    return flow->pipe == NULL && buffer_length(&flow->to->pending) == 0;
}

/* Writes what waits; after the last byte of an ending flow, its end. */
static enum stream_status
drain_sink(struct flow *flow)
{
    enum stream_status status = STREAM_OK;

    if (flow->pipe != NULL)
        status = flow_splice_drain(flow);
    if (status == STREAM_OK)
        status = stream_flush(flow->to);
    if (status != STREAM_OK || flow->state != FLOW_ENDING ||
        !stream_may_write(flow->to))
        return status;
    status = stream_finish(flow->to);
    if (status == STREAM_OK)
        flow->state = FLOW_ENDED;
    return status;
}

static bool
is_waiting_for_peer(const struct flow *flow)
{
    return (flow->state == FLOW_OPEN || flow->state == FLOW_ENDING) &&
        !stream_may_write(flow->to);
}

static void
end_source(struct flow *flow, enum stream_status how)
{
    bool clean = how == STREAM_END ||
        (how == STREAM_TRUNCATED && flow->tolerant);

    flow->state = clean ? FLOW_ENDING : FLOW_CUT;
    flow->cause = how;
}

static enum flow_wait
run_until_wait(struct flow *flow)
{
    uint64_t stop = flow->bytes + BUDGET_BYTES;
    enum stream_status moved = STREAM_OK;

    for (;;) {
        enum stream_status drained = drain_sink(flow);

        if (drained == STREAM_AGAIN)
            return FLOW_WAITS_OUTPUT;
        if (drained == STREAM_OK && is_waiting_for_peer(flow))
            return FLOW_WAITS_PEER;
        if (drained != STREAM_OK)
            flow->state = FLOW_BROKEN;
        if (flow->state != FLOW_OPEN)
            return FLOW_WAITS_NEVER;
        if (moved == STREAM_AGAIN && flow->sink_full)
            return FLOW_WAITS_OUTPUT;
        if (moved == STREAM_AGAIN)
            return stream_has_input(flow->from) ? FLOW_WAITS_TURN
                                                : FLOW_WAITS_INPUT;
        if (flow->bytes >= stop)
            return FLOW_WAITS_TURN;
        flow->sink_full = false;
        moved = flow->splicing ? flow_splice(flow) : flow_copy(flow);
        if (moved != STREAM_OK && moved != STREAM_AGAIN &&
            flow->state == FLOW_OPEN)
            end_source(flow, moved);
    }
}

/* Payload that waits to be written.  Where none does, what is pending are TLS's
 * own messages. */
static size_t
payload_waiting(const struct flow *flow)
{
    if (flow->wait != FLOW_WAITS_OUTPUT)
        return 0;
    return buffer_length(&flow->to->pending) +
        (flow->pipe != NULL ? flow->pipe->length : 0);
}

enum flow_wait
flow_run(struct flow *flow)
{
    size_t waiting = payload_waiting(flow);
    enum flow_state state = flow->state;
    uint64_t bytes = flow->bytes;

    flow->wait = run_until_wait(flow);
    flow->moved = flow->bytes != bytes || flow->state != state ||
        payload_waiting(flow) < waiting;
    return flow->wait;
}

bool
flow_is_runnable(const struct flow *flow)
{
    return flow->wait == FLOW_WAITS_TURN ||
        (flow->wait == FLOW_WAITS_PEER && stream_may_write(flow->to));
}
