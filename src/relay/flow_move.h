/*
 * The two ways in which flow.c moves bytes.
 */
#ifndef RELAY_FLOW_MOVE_H
#define RELAY_FLOW_MOVE_H

#include "base/base.h"
#include "net/stream.h"

struct flow;

/* What copying reads at once, to begin with and at the least: one TLS record. */
enum { FLOW_CHUNK_LEAST = 16 << 10 };

/* Reads once and writes what was read.  STREAM_OK: some bytes moved, and there
 * may be more; STREAM_AGAIN: the source has no more for now, or `sink_full`;
 * else the source ended so, or, with FLOW_BROKEN set, the sink. */
NODISCARD enum stream_status flow_copy(struct flow *flow);
NODISCARD enum stream_status flow_splice(struct flow *flow);

/* Writes what waits in the pipe.  Returns as stream_flush() does. */
NODISCARD enum stream_status flow_splice_drain(struct flow *flow);

#endif
