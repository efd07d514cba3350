#include "relay/conn.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/scoreboard.h"
#include "config/config.h"
#include "net/connector.h"
#include "relay/conn_internal.h"
#include "relay/conn_stats.h"
#include "relay/farewell.h"
#include "relay/limits.h"
#include "relay/relay.h"
#include "relay/service.h"
#include "tls/tls_stream.h"

static void accept_tls_enter(struct conn *);
static void accept_tls_wake(struct conn *);
static void accept_tls_expire(struct conn *);
static void linger_enter(struct conn *);
static void linger_wake(struct conn *);
static void linger_expire(struct conn *);

/* Each state's name, and what is done on entering it, on an event of either
 * stream, and when its time is over.  What a handshake does on an event is
 * costly, and stands in line (loop.h). */
static const struct {
    const char *name;
    void (*enter)(struct conn *);
    void (*wake)(struct conn *);
    void (*expire)(struct conn *);
    bool costly;
} steps[] = {
    [CONN_START] = { .name = "start" },
    [CONN_ACCEPT_TLS] = { "accept-tls", accept_tls_enter, accept_tls_wake,
        accept_tls_expire, .costly = true },
    [CONN_CONNECT] = { "connect", conn_connect_enter, conn_connect_wake,
        conn_connect_expire, .costly = false },
    [CONN_CONNECT_TLS] = { "connect-tls", conn_connect_tls_enter,
        conn_connect_tls_wake, conn_connect_expire, .costly = true },
    [CONN_RELAY] = { "relay", conn_relay_enter, conn_relay_wake,
        conn_relay_expire, .costly = false },
    [CONN_ABORT] = { "abort", conn_abort_step, conn_abort_step,
        conn_abort_step, .costly = false },
    [CONN_LINGER] = { "linger", linger_enter, linger_wake, linger_expire,
        .costly = false },
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

/* 0 is no event: a signature has come for a handshake that has stood in line. */
static void
wake_conn(struct conn *conn, short what)
{
    if (what != 0 && steps[conn->state].costly)
        loop_line_up(conn->relay->loop, &conn->task);
    else
        steps[conn->state].wake(conn);
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
    conn->client_stirs = true;
    wake_conn(conn, what);
}

void
conn_wake_by_server(struct conn *conn, short what)
{
    conn->down_ready |= (what & EV_READ) != 0;
    conn->up_ready |= (what & EV_WRITE) != 0;
    wake_conn(conn, what);
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

void
conn_keep_address(union conn_address *kept, const struct sockaddr *address,
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
conn_start(struct relay *relay, struct service *service, uint64_t acceptor,
    bool tls, int fd, const struct sockaddr *peer, socklen_t length)
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
    conn->acceptor = acceptor;
    conn->changes = relay->changes;
    conn->started_ms = clock_now_ms();
    conn->task = (struct loop_task){ .run = on_task, .arg = conn };
    conn->server = (struct stream)STREAM_NONE;
    conn_keep_address(&conn->client_address, peer, length);
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

/* Its streams are closed, and what counts it has been told. */
static void
conn_free(struct conn *conn)
{
    struct relay *relay = conn->relay;

    connector_cancel(conn->connector);
    loop_cancel(relay->loop, &conn->task);
    conn_disarm(conn);
    stream_free(&conn->client);
    stream_free(&conn->server);
    unlink_conn(conn);
    limits_leave(relay, conn->service->index);
    service_unref(conn->service);
    free(conn->detail);
    free(conn->failed);
    free(conn->tls_failure);
    free(conn);
    if (relay->ended != NULL)
        relay->ended(relay->arg);
}

void
conn_end(struct conn *conn, enum conn_reason reason)
{
    void (*close_stream)(struct stream *) =
        is_clean(reason) ? stream_close : stream_abort;

    conn->reason = reason;
    conn_report_end(conn);
    conn_stats_end(conn);
    flow_stop(&conn->up); /* flows first: they borrow the streams */
    flow_stop(&conn->down);
    close_stream(&conn->client);
    close_stream(&conn->server);
    conn_free(conn);
}

static bool
is_silent(const struct conn *conn)
{
    return conn->state == CONN_ACCEPT_TLS && !tls_stream_is_tls(&conn->client);
}

static struct address
client_of(const struct conn *conn)
{
    struct address client = { .length = sizeof(sa_family_t) };

    if (conn->client_address.family == AF_INET)
        client.length = sizeof(struct sockaddr_in);
    else if (conn->client_address.family == AF_INET6)
        client.length = sizeof(struct sockaddr_in6);
    memcpy(&client.storage, &conn->client_address, client.length);
    return client;
}

/* The other process counts it in by itself. */
void
conn_pass_silent(struct relay *relay, conn_pass_fn *pass, void *arg)
{
    struct conn *next;

    for (struct conn *conn = relay->conns; conn != NULL; conn = next) {
        struct address client = client_of(conn);

        next = conn->next;
        if (!is_silent(conn) || conn->service->index == SCOREBOARD_ALL ||
            !pass(arg, conn->acceptor, conn->service->index, conn->client.fd,
                &client))
            continue;
        loop_close(relay->loop, stream_detach(&conn->client));
        conn_free(conn);
    }
}

void
conn_end_all(struct relay *relay)
{
    struct conn *next;

    for (struct conn *conn = relay->conns; conn != NULL; conn = next) {
        next = conn->next;
        conn_end(conn, CONN_SHUTDOWN);
    }
    farewell_end_all(relay);
    ticker_close(&relay->aging);
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

static const char *
handshake_failure(const struct stream *stream)
{
    const char *failure = tls_stream_failure(stream);

    if (failure != NULL)
        return failure;
    return stream->error != 0 ? strerror(stream->error)
                              : "the peer closed before its first byte";
}

static void
fail_handshake(
    struct conn *conn, struct stream *stream, enum stream_status status)
{
    const char *failure = handshake_failure(stream);
    bool is_client = stream == &conn->client;

    /* Most often a port scan or a health check: no TLS has failed there. */
    if (is_client && status != STREAM_FAILED &&
        !tls_stream_has_begun(stream)) {
        conn_end(conn, status == STREAM_END ? CONN_CLIENT_CLOSED
                                            : CONN_RESET_BY_CLIENT);
        return;
    }
    if (!is_client && conn_try_next(conn, failure, false))
        return;
    conn_explain_side(conn, stream, failure);
    if (status == STREAM_FAILED)
        conn_linger(conn, stream, CONN_HANDSHAKE_FAILED);
    else
        conn_end(conn, CONN_HANDSHAKE_FAILED);
}

/* An alert that came before the socket broke says more than the break does, so
 * it is read although nothing can be sent any more. */
static enum stream_status
shake(struct stream *stream)
{
    enum stream_status flushed = stream_flush(stream);
    enum stream_status status = tls_stream_handshake(stream);

    return flushed == STREAM_RESET &&
            (status == STREAM_OK || status == STREAM_AGAIN)
        ? STREAM_RESET
        : status;
}

bool
conn_handshake(struct conn *conn, struct stream *stream)
{
    bool held = tls_stream_is_held(stream), waits;
    enum stream_status status = shake(stream);

    if (status == STREAM_OK)
        return true;
    if (status != STREAM_AGAIN) {
        fail_handshake(conn, stream, status);
        return false;
    }
    waits = tls_stream_is_held(stream);
    if (!waits && stream_has_input(stream))
        loop_line_up(conn->relay->loop, &conn->task);
    /* Most peers say nothing while they wait for us: only one that does is not
     * watched any more, which costs system calls. */
    watch_handshake(stream, !held || !waits);
    return false;
}

static void
accept_tls_expire(struct conn *conn)
{
    conn_explain(conn, "with the client");
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
    if (!tls_stream_is_tls(client))
        conn_follow_reload(conn);
    if (!tls_stream_is_tls(client) &&
        !tls_stream_start(client, conn->service->accept_context, NULL)) {
        conn_end(conn, CONN_OUT_OF_RESOURCES);
        return;
    }
    if (!conn_handshake(conn, client))
        return;
    conn_stats_handshake(conn, client);
    conn_enter(conn, CONN_CONNECT);
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
    conn_arm(conn, FAREWELL_MS);
    linger_wake(conn);
}

static void
linger_expire(struct conn *conn)
{
    stream_close(lingering(conn)); /* no reset: it could overtake the alert */
    conn_end(conn, conn->reason);
}

bool
conn_discard_input(struct conn *conn, struct stream *stream)
{
    size_t size;
    enum stream_status got = stream_receive(
        stream, conn->relay->loop->scratch, LOOP_SCRATCH_BYTES, &size);

    conn->lingered += (uint32_t)size;
    return (got == STREAM_OK && conn->lingered <= FAREWELL_BYTES) ||
        got == STREAM_AGAIN;
}

static void
linger_wake(struct conn *conn)
{
    struct stream *stream = lingering(conn);
    enum stream_status sent = stream_finish(stream);
    bool blocked = sent == STREAM_AGAIN;
    bool open = conn_discard_input(conn, stream);

    if (blocked)
        stream_watch(stream, (short)(EV_WRITE | (open ? EV_READ : 0)));
    else if (sent == STREAM_OK && open)
        stream_watch(stream, EV_READ);
    else
        linger_expire(conn);
}
