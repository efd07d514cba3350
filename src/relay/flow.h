/*
 * One direction of a relay: bytes read from one stream are written to another.
 *
 * A flow owns no buffer.  It copies through the loop's scratch memory in
 * chunks that grow while the far side drinks and shrink when it chokes, or,
 * plain to plain once the traffic proves bulk, splices through a pipe.
 * Reading pauses while the sink has not taken what it was given: a slow peer
 * costs one chunk, or one pipe, never a queue.
 */
#ifndef RELAY_FLOW_H
#define RELAY_FLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "net/stream.h"

struct pipe;
struct pipe_pool;

enum flow_state {
    FLOW_OPEN,
    FLOW_ENDING, /* the source ended; its end waits behind the last bytes */
    FLOW_ENDED,  /* ... and was passed on */
    FLOW_CUT,    /* no more is read, and no clean end will be passed on */
    FLOW_BROKEN, /* the sink is gone */
};

/* What must happen before flow_run() can do more. */
enum flow_wait {
    FLOW_WAITS_INPUT,
    FLOW_WAITS_OUTPUT,
    FLOW_WAITS_PEER, /* the sink takes nothing before more is read from it */
    FLOW_WAITS_TURN, /* nothing: its budget for this turn is spent */
    FLOW_WAITS_NEVER,
};

struct flow {
    struct stream *from;
    struct stream *to;
    struct pipe_pool *pipes; /* NULL: never splice */
    struct pipe *pipe;       /* while it holds bytes on their way */
    uint64_t bytes;          /* read so far */
    uint32_t chunk;          /* how much to read at once */
    enum flow_state state;
    enum flow_wait wait; /* what the last flow_run() returned */
    enum stream_status cause; /* of FLOW_CUT: how the source ended */
    bool tolerant;            /* a truncated source ended cleanly */
    bool splicing;            /* the traffic proved bulk */
    bool sink_full;           /* so nothing was read just now */
    bool moved; /* payload or an end, in the last flow_run() */
};

/* Both streams, and `pipes` (NULL: never splice), must outlive the flow. */
void flow_start(struct flow *flow, struct stream *from, struct stream *to,
    struct pipe_pool *pipes, bool tolerant);

/* Moves what can be moved now, within a budget. */
NODISCARD enum flow_wait flow_run(struct flow *flow);

/* True if flow_run() would do more without any event. */
bool flow_is_runnable(const struct flow *flow);

/* Reads no more; what was read is still delivered by flow_run(). */
void flow_cut(struct flow *flow);

/* Takes the end of the source that cut the flow for a clean one after all. */
void flow_accept_end(struct flow *flow);

/* Gives its pipe back; bytes in it are lost. */
void flow_stop(struct flow *flow);

/* Whether bulk could be spliced: from plain to plain, by a flow with pipes. */
static inline bool
flow_may_splice(const struct flow *flow)
{
    return flow->pipes != NULL && flow->from->ops == &stream_plain_ops &&
        flow->to->ops == &stream_plain_ops;
}

/* True once nothing that was read waits to be written. */
bool flow_is_drained(const struct flow *flow);

#endif
