#include "relay/handshake_step.h"

#include <event2/event.h>

#include <stdbool.h>
#include <string.h>

#include "net/loop.h"
#include "tls/tls_handshake.h"
#include "tls/tls_stream.h"

/* Waits for what a handshake or a flush needs: the peer's next bytes, unless
 * they are not wanted yet, and room for ours while some wait. */
static void
watch_handshake(struct stream *stream, bool reads)
{
    bool blocked = buffer_length(&stream->pending) > 0;

    stream_watch(
        stream, (short)((reads ? EV_READ : 0) | (blocked ? EV_WRITE : 0)));
}

/* An alert that came before the socket broke says more than the break does, so
 * it is read although nothing can be sent any more. */
static enum stream_status
flush_and_handshake(struct stream *stream)
{
    enum stream_status flushed = stream_flush(stream);
    enum stream_status status = tls_handshake_run(stream);

    return flushed == STREAM_RESET &&
            (status == STREAM_OK || status == STREAM_AGAIN)
        ? STREAM_RESET
        : status;
}

enum stream_status
handshake_step(
    struct stream *stream, struct loop *loop, struct loop_task *task)
{
    bool held = tls_stream_is_held(stream), waits;
    enum stream_status status = flush_and_handshake(stream);

    if (status != STREAM_AGAIN)
        return status;
    waits = tls_stream_is_held(stream);
    if (!waits && stream_has_input(stream))
        loop_line_up(loop, task);
    /* Most peers say nothing while they wait for us: only one that does is not
     * watched any more, which costs system calls. */
    watch_handshake(stream, !held || !waits);
    return STREAM_AGAIN;
}

const char *
handshake_step_failure(const struct stream *stream)
{
    const char *failure = tls_stream_failure(stream);

    if (failure != NULL)
        return failure;
    return stream->error != 0 ? strerror(stream->error)
                              : "the peer closed before its first byte";
}
