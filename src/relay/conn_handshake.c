#include "relay/conn_handshake.h"

#include <event2/event.h>

#include "base/clock.h"
#include "config/config.h"
#include "relay/conn_end.h"
#include "relay/conn_follow.h"
#include "relay/conn_stats.h"
#include "relay/conn_step.h"
#include "relay/handshake_step.h"
#include "relay/relay.h"
#include "relay/service.h"
#include "tls/tls_stream.h"

enum stream_status
conn_handshake(struct conn *conn, struct stream *stream)
{
    enum stream_status status =
        handshake_step(stream, conn->relay->loop, &conn->task);

    if (status == STREAM_OK)
        conn_stats_handshake(conn, stream);
    return status;
}

/* A socket that broke, or ended, before TLS had begun has left no word. */
enum tls_cause
conn_handshake_cause(const struct stream *stream)
{
    enum tls_cause cause = tls_stream_cause(stream);

    return cause != TLS_CAUSE_NONE ? cause : TLS_CAUSE_CLOSED;
}

void
conn_handshake_fail(
    struct conn *conn, struct stream *stream, enum stream_status how)
{
    /* Most often a port scan or a health check: no TLS has failed there. */
    if (stream == &conn->client && how != STREAM_FAILED &&
        !tls_stream_has_begun(stream)) {
        conn->cause = TLS_CAUSE_CLOSED_BEFORE_HELLO;
        conn_end(conn, how == STREAM_END ? CONN_CLIENT_CLOSED
                                         : CONN_RESET_BY_CLIENT);
        return;
    }
    conn->cause = conn_handshake_cause(stream);
    conn_explain_side(conn, stream, handshake_step_failure(stream));
    if (how == STREAM_FAILED)
        conn_linger(conn, stream, CONN_HANDSHAKE_FAILED);
    else
        conn_end(conn, CONN_HANDSHAKE_FAILED);
}

void
conn_accept_tls_expire(struct conn *conn)
{
    conn->cause = TLS_CAUSE_TIMEOUT;
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
