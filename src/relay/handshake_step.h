/*
 * The handshake of TLS on either leg, a step at a time: what a worker's connections
 * and a probe have in common.
 */
#ifndef RELAY_HANDSHAKE_STEP_H
#define RELAY_HANDSHAKE_STEP_H

#include "base/base.h"
#include "net/stream.h"

struct loop;
struct loop_task;

/* Sends what is pending and goes on with the handshake.  STREAM_OK: it is done;
 * STREAM_AGAIN: it goes on when the stream's `ready` is called, or `task`, which
 * is queued if input is left; else it failed, which is the caller's to act on. */
NODISCARD enum stream_status handshake_step(
    struct stream *stream, struct loop *loop, struct loop_task *task);

/* Why it failed, in words. */
const char *handshake_step_failure(const struct stream *stream);

#endif
