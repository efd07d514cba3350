#include "relay/conn_handshake.h"

#include <event2/event.h>

#include <string.h>

#include "base/clock.h"
#include "config/config.h"
#include "relay/conn_end.h"
#include "relay/conn_follow.h"
#include "relay/conn_stats.h"
#include "relay/conn_step.h"
#include "relay/relay.h"
#include "relay/service.h"
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
conn_handshake(struct conn *conn, struct stream *stream)
{
    bool held = tls_stream_is_held(stream), waits;
    enum stream_status status = flush_and_handshake(stream);

    if (status == STREAM_OK)
        conn_stats_handshake(conn, stream);
    if (status != STREAM_AGAIN)
        return status;
    waits = tls_stream_is_held(stream);
    if (!waits && stream_has_input(stream))
        loop_line_up(conn->relay->loop, &conn->task);
    /* Most peers say nothing while they wait for us: only one that does is not
     * watched any more, which costs system calls. */
    watch_handshake(stream, !held || !waits);
    return STREAM_AGAIN;
}

const char *
conn_handshake_failure(const struct stream *stream)
{
    const char *failure = tls_stream_failure(stream);

    if (failure != NULL)
        return failure;
    return stream->error != 0 ? strerror(stream->error)
                              : "the peer closed before its first byte";
}

void
conn_handshake_fail(
    struct conn *conn, struct stream *stream, enum stream_status how)
{
    /* Most often a port scan or a health check: no TLS has failed there. */
    if (stream == &conn->client && how != STREAM_FAILED &&
        !tls_stream_has_begun(stream)) {
        conn_end(conn, how == STREAM_END ? CONN_CLIENT_CLOSED
                                         : CONN_RESET_BY_CLIENT);
        return;
    }
    conn_explain_side(conn, stream, conn_handshake_failure(stream));
    if (how == STREAM_FAILED)
        conn_linger(conn, stream, CONN_HANDSHAKE_FAILED);
    else
        conn_end(conn, CONN_HANDSHAKE_FAILED);
}

void
conn_accept_tls_expire(struct conn *conn)
{
    conn_explain(conn, "with the client");
    conn_end(conn, CONN_HANDSHAKE_TIMEOUT);
}

/* What was looked at already is here, and no event will tell. */
void
conn_accept_tls_enter(struct conn *conn)
{
    uint64_t most_ms = conn->service->config->handshake_timeout_ms, since_ms;

    if (stream_has_input(&conn->client)) {
        since_ms = clock_now_ms() - conn->started_ms;
        most_ms = most_ms > since_ms ? most_ms - since_ms : 0;
        loop_line_up(conn->relay->loop, &conn->task);
    }
    conn_arm(conn, most_ms);
    stream_watch(&conn->client, EV_READ);
}

void
conn_accept_tls_wake(struct conn *conn)
{
    struct stream *client = &conn->client;
    enum stream_status status;

    /* Not before its first byte: a silent client costs no TLS state. */
    if (!tls_stream_is_tls(client) && !conn_follow_reload(conn)) {
        conn_enter(conn, CONN_SNIFF);
        return;
    }
    if (!tls_stream_is_tls(client) &&
        !tls_stream_start(client, conn->service->accept_context, NULL)) {
        conn_end(conn, CONN_OUT_OF_RESOURCES);
        return;
    }
    status = conn_handshake(conn, client);
    if (status == STREAM_OK)
        conn_enter(conn, CONN_CONNECT);
    else if (status != STREAM_AGAIN)
        conn_handshake_fail(conn, client, status);
}
