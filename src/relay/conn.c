#include "relay/conn.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "net/connector.h"
#include "relay/conn_parts.h"
#include "relay/limits.h"
#include "relay/relay.h"
#include "relay/service.h"
#include "relay/tally.h"
#include "tls/tls_stream.h"

enum {
    LINGER_MS = 2000,
    LINGER_BYTES = 256 << 10,
};

static void accept_tls_enter(struct conn *);
static void accept_tls_wake(struct conn *);
static void connect_enter(struct conn *);
static void connect_wake(struct conn *);
static void connect_tls_enter(struct conn *);
static void connect_tls_wake(struct conn *);
static void handshake_expire(struct conn *);
static void linger_enter(struct conn *);
static void linger_wake(struct conn *);
static void linger_expire(struct conn *);

/* Each state's name, and what is done on entering it, on an event of either
 * stream, and when its time is over. */
static const struct {
    const char *name;
    void (*enter)(struct conn *);
    void (*wake)(struct conn *);
    void (*expire)(struct conn *);
} steps[] = {
    [CONN_START] = { .name = "start" },
    [CONN_ACCEPT_TLS] = { "accept-tls", accept_tls_enter, accept_tls_wake,
        handshake_expire },
    [CONN_CONNECT] = { "connect", connect_enter, connect_wake, NULL },
    [CONN_CONNECT_TLS] = { "connect-tls", connect_tls_enter, connect_tls_wake,
        handshake_expire },
    [CONN_RELAY] = { "relay", conn_relay_enter, conn_relay_wake,
        conn_relay_expire },
    [CONN_ABORT] = { "abort", conn_abort_step, conn_abort_step,
        conn_abort_step },
    [CONN_LINGER] = { "linger", linger_enter, linger_wake, linger_expire },
};

const char *
conn_state_name(enum conn_state state)
{
    return steps[state].name;
}

void
conn_enter(struct conn *conn, enum conn_state next)
{
    conn_report_state(conn, next);
    conn->state = next;
    if (next < CONN_ABORT)
        conn->reached = next;
    steps[next].enter(conn);
}

/* A flow concerns its source's readiness to be read, and its sink's to be
 * written. */
static void
on_client(evutil_socket_t fd, short what, void *arg)
{
    struct conn *conn = arg;

    (void)fd;
    conn->up_ready |= (what & EV_READ) != 0;
    conn->down_ready |= (what & EV_WRITE) != 0;
    steps[conn->state].wake(conn);
}

static void
on_server(evutil_socket_t fd, short what, void *arg)
{
    struct conn *conn = arg;

    (void)fd;
    conn->down_ready |= (what & EV_READ) != 0;
    conn->up_ready |= (what & EV_WRITE) != 0;
    steps[conn->state].wake(conn);
}

static void
on_task(void *arg)
{
    struct conn *conn = arg;

    steps[conn->state].wake(conn);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct conn *conn = arg;

    (void)fd;
    (void)what;
    steps[conn->state].expire(conn);
}

void
conn_arm(struct conn *conn, uint64_t delay_ms)
{
    struct timeval delay = clock_span(delay_ms);

    event_add(&conn->timer, &delay);
}

void
conn_disarm(struct conn *conn)
{
    event_del(&conn->timer);
}

void
conn_explain(struct conn *conn, const char *detail)
{
    if (conn->detail == NULL && detail != NULL)
        conn->detail = strdup(detail);
}

static void
keep_address(union conn_address *kept, const struct sockaddr *address,
    socklen_t length)
{
    if (length > sizeof(*kept))
        length = sizeof(kept->family); /* unix: its path is not kept */
    memcpy(kept, address, length);
}

static void
link_conn(struct conn *conn, struct relay *relay)
{
    conn->next = relay->conns;
    conn->link = &relay->conns;
    if (conn->next != NULL)
        conn->next->link = &conn->next;
    relay->conns = conn;
    relay->connections++;
    conn->service->connections++;
}

static void
unlink_conn(struct conn *conn)
{
    *conn->link = conn->next;
    if (conn->next != NULL)
        conn->next->link = conn->link;
    conn->relay->connections--;
    conn->service->connections--;
}

void
conn_start(struct relay *relay, struct service *service, bool tls, int fd,
    const struct sockaddr *peer, socklen_t length)
{
    struct conn *conn = calloc(1, sizeof(*conn));

    if (conn == NULL) {
        close(fd);
        limits_leave(relay, service->index);
        if (loop_may_log_exhaustion(relay->loop))
            log_error(service->config->name, "out of memory: client refused");
        return;
    }
    conn->relay = relay;
    conn->service = service_ref(service);
    conn->started_ms = clock_now_ms();
    conn->task = (struct loop_task){ .run = on_task, .arg = conn };
    conn->server = (struct stream)STREAM_NONE;
    keep_address(&conn->client_address, peer, length);
    evtimer_assign(&conn->timer, relay->loop->base, on_timer, conn);
    stream_open(&conn->client, relay->loop, fd, on_client, conn);
    link_conn(conn, relay);
    if (relay->began != NULL)
        relay->began(relay->arg);
    conn_enter(conn, tls ? CONN_ACCEPT_TLS : CONN_CONNECT);
}

static bool
is_clean(enum conn_reason reason)
{
    return reason == CONN_CLIENT_CLOSED || reason == CONN_SERVER_CLOSED;
}

void
conn_end(struct conn *conn, enum conn_reason reason)
{
    struct relay *relay = conn->relay;
    void (*close_stream)(struct stream *) =
        is_clean(reason) ? stream_close : stream_abort;

    conn->reason = reason;
    conn_report_end(conn);
    tally_end(conn);
    connector_cancel(conn->connector);
    loop_cancel(relay->loop, &conn->task);
    conn_disarm(conn);
    flow_stop(&conn->up); /* flows first: they borrow the streams */
    flow_stop(&conn->down);
    close_stream(&conn->client);
    close_stream(&conn->server);
    stream_free(&conn->client);
    stream_free(&conn->server);
    unlink_conn(conn);
    limits_leave(relay, conn->service->index);
    service_unref(conn->service);
    free(conn->detail);
    free(conn);
    if (relay->ended != NULL)
        relay->ended(relay->arg);
}

void
conn_end_all(struct relay *relay)
{
    struct conn *next;

    for (struct conn *conn = relay->conns; conn != NULL; conn = next) {
        next = conn->next;
        conn_end(conn, CONN_SHUTDOWN);
    }
}

/* Waits for what a handshake or a flush needs: the peer's next bytes, unless
 * they are not wanted yet, and room for ours while some wait. */
static void
watch_handshake(struct stream *stream, bool reads)
{
    bool blocked = buffer_length(&stream->pending) > 0;

    stream_watch(
        stream, (short)((reads ? EV_READ : 0) | (blocked ? EV_WRITE : 0)));
}

static const char *
side(const struct conn *conn, const struct stream *stream)
{
    return stream == &conn->client ? "client" : "server";
}

void
conn_explain_side(
    struct conn *conn, const struct stream *stream, const char *what)
{
    char text[600];

    snprintf(text, sizeof(text), "with the %s: %s", side(conn, stream), what);
    conn_explain(conn, text);
}

static void
explain_handshake(struct conn *conn, const struct stream *stream)
{
    const char *failure = tls_stream_failure(stream);

    if (failure == NULL)
        failure = stream->error != 0 ? strerror(stream->error)
                                     : "the peer closed before its first byte";
    conn_explain_side(conn, stream, failure);
}

/* One step of a handshake on either leg.  True: it is done. */
static bool
handshake(struct conn *conn, struct stream *stream)
{
    bool held = tls_stream_is_held(stream);
    enum stream_status flushed = stream_flush(stream);
    enum stream_status status = flushed == STREAM_RESET
        ? STREAM_RESET
        : tls_stream_handshake(stream);

    switch (status) {
    case STREAM_OK:
        return true;
    case STREAM_AGAIN:
        /* Most peers say nothing while they wait for us: only one that does is
         * not watched any more, which costs system calls. */
        watch_handshake(stream, !held || !tls_stream_is_held(stream));
        return false;
    case STREAM_END:
        if (stream == &conn->client) {
            conn_end(conn, CONN_CLIENT_CLOSED);
            return false;
        }
        break;
    default:
        break;
    }
    explain_handshake(conn, stream);
    if (status == STREAM_FAILED)
        conn_linger(conn, stream, CONN_HANDSHAKE_FAILED);
    else
        conn_end(conn, CONN_HANDSHAKE_FAILED);
    return false;
}

static void
handshake_expire(struct conn *conn)
{
    conn_explain(conn,
        conn->state == CONN_ACCEPT_TLS ? "with the client" : "with the server");
    conn_end(conn, CONN_HANDSHAKE_TIMEOUT);
}

static void
accept_tls_enter(struct conn *conn)
{
    conn_arm(conn, conn->service->config->handshake_timeout_ms);
    stream_watch(&conn->client, EV_READ);
}

static void
accept_tls_wake(struct conn *conn)
{
    struct stream *client = &conn->client;

    /* Not before its first byte: a silent client costs no TLS state. */
    if (!tls_stream_is_tls(client) &&
        !tls_stream_start(client, conn->service->accept_context, NULL)) {
        conn_end(conn, CONN_OUT_OF_RESOURCES);
        return;
    }
    if (!handshake(conn, client))
        return;
    tally_handshake(conn);
    conn_enter(conn, CONN_CONNECT);
}

static enum conn_reason
reason_of(enum connector_result result)
{
    static const enum conn_reason reasons[] = {
        [CONNECTOR_REFUSED] = CONN_CONNECT_REFUSED,
        [CONNECTOR_TIMEOUT] = CONN_CONNECT_TIMEOUT,
        [CONNECTOR_UNREACHABLE] = CONN_CONNECT_UNREACHABLE,
        [CONNECTOR_FORBIDDEN] = CONN_CONNECT_UNREACHABLE,
        [CONNECTOR_UNRESOLVED] = CONN_RESOLVE_FAILED,
        [CONNECTOR_EXHAUSTED] = CONN_OUT_OF_RESOURCES,
    };

    return reasons[result];
}

static void
on_connected(void *arg, enum connector_result result, int fd,
    const struct endpoint *endpoint, const struct address *address)
{
    struct conn *conn = arg;

    conn->endpoint = endpoint;
    if (address != NULL)
        keep_address(&conn->server_address,
            (const struct sockaddr *)&address->storage, address->length);
    if (result == CONNECTOR_FORBIDDEN)
        conn_explain(conn, endpoint->kind == ENDPOINT_UNIX
            ? "permission denied: the account that `user` names may not write "
              "to the socket, or not enter a folder above it"
            : "permission denied");
    if (result != CONNECTOR_CONNECTED) {
        conn_end(conn, reason_of(result));
        return;
    }
    stream_open(&conn->server, conn->relay->loop, fd, on_server, conn);
    conn_enter(conn, endpoint->tls ? CONN_CONNECT_TLS : CONN_RELAY);
}

/* What the client may do while the server is not there yet: take the end of
 * the handshake, if it was slow to.  That it speaks is none of our business
 * now, but to stop watching for it before it does would cost system calls. */
static void
watch_client(struct conn *conn, enum stream_status flushed)
{
    bool speaks = conn->up_ready;
    short what = flushed == STREAM_AGAIN ? EV_WRITE : 0;

    if (!speaks)
        what |= conn->client.watched & EV_READ;
    stream_watch(&conn->client, what);
}

static void
connect_wake(struct conn *conn)
{
    enum stream_status status = stream_flush(&conn->client);

    if (status == STREAM_AGAIN || status == STREAM_OK)
        watch_client(conn, status);
    else
        conn_end(conn, CONN_RESET_BY_CLIENT);
}

static void
connect_enter(struct conn *conn)
{
    conn_disarm(conn);
    conn->up_ready = false;
    watch_client(conn,
        buffer_length(&conn->client.pending) > 0 ? STREAM_AGAIN : STREAM_OK);
    connector_start(conn->relay->loop, conn->relay->resolver,
        conn->service->config, on_connected, conn, &conn->connector);
}

static void
connect_tls_enter(struct conn *conn)
{
    struct tls_peer peer;

    conn_arm(conn, conn->service->config->handshake_timeout_ms);
    service_peer(conn->service, conn->endpoint, &peer);
    if (tls_stream_start(
            &conn->server, conn->service->connect_context, &peer))
        connect_tls_wake(conn);
    else
        conn_end(conn, CONN_OUT_OF_RESOURCES);
}

static void
connect_tls_wake(struct conn *conn)
{
    enum stream_status status = stream_flush(&conn->client);

    if (status == STREAM_RESET || status == STREAM_FAILED) {
        conn_end(conn, CONN_RESET_BY_CLIENT);
        return;
    }
    watch_client(conn, status);
    if (handshake(conn, &conn->server))
        conn_enter(conn, CONN_RELAY);
}

void
conn_linger(
    struct conn *conn, struct stream *stream, enum conn_reason reason)
{
    stream_abort(stream == &conn->client ? &conn->server : &conn->client);
    conn->reason = reason;
    conn_enter(conn, CONN_LINGER);
}

/* The stream that is still open. */
static struct stream *
lingering(struct conn *conn)
{
    return stream_is_open(&conn->client) ? &conn->client : &conn->server;
}

static void
linger_enter(struct conn *conn)
{
    conn_arm(conn, LINGER_MS);
    linger_wake(conn);
}

static void
linger_expire(struct conn *conn)
{
    stream_close(lingering(conn)); /* no reset: it could overtake the alert */
    conn_end(conn, conn->reason);
}

/* Throws away what the peer still sends: unread, it would make the kernel
 * reset the connection.  False: the peer has closed, or sends without end. */
static bool
discard_input(struct conn *conn, struct stream *stream)
{
    size_t size;
    enum stream_status got = stream_receive(
        stream, conn->relay->loop->scratch, LOOP_SCRATCH_BYTES, &size);

    conn->lingered += (uint32_t)size;
    return (got == STREAM_OK && conn->lingered <= LINGER_BYTES) ||
        got == STREAM_AGAIN;
}

static void
linger_wake(struct conn *conn)
{
    struct stream *stream = lingering(conn);
    enum stream_status sent = stream_finish(stream);
    bool blocked = sent == STREAM_AGAIN;
    bool open = discard_input(conn, stream);

    if (blocked)
        stream_watch(stream, (short)(EV_WRITE | (open ? EV_READ : 0)));
    else if (sent == STREAM_OK && open)
        stream_watch(stream, EV_READ);
    else
        linger_expire(conn);
}
