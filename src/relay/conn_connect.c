#include "relay/conn_connect.h"

#include <event2/event.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/escape.h"
#include "config/config.h"
#include "net/connector.h"
#include "relay/conn_end.h"
#include "relay/conn_handshake.h"
#include "relay/conn_report.h"
#include "relay/conn_state.h"
#include "relay/conn_step.h"
#include "relay/farewell.h"
#include "relay/feedback.h"
#include "relay/handshake_step.h"
#include "relay/relay.h"
#include "relay/service.h"
#include "tls/tls_handshake.h"
#include "tls/tls_stream.h"

enum {
    /* How often to look whether the client is still there: a reset shows in no
     * event while its bytes are left in the kernel. */
    LOOK_MS = 500,

    FAILED_MOST = 900, /* a value in the log has 1024 bytes */
};

/* Appends to the list of servers that were given up. */
static void
note_failed(struct conn *conn, const char *server, const char *why)
{
    size_t had = conn->failed != NULL ? strlen(conn->failed) : 0;
    size_t more = strlen(server) + strlen(why) + sizeof(";  ()");
    char *text;

    conn->failures++;
    if (had + more > FAILED_MOST)
        return;
    text = realloc(conn->failed, had + more);
    if (text == NULL)
        return;
    snprintf(text + had, more, "%s%s (%s)", had > 0 ? "; " : "", server, why);
    escape_undo(text + had);
    conn->failed = text;
}

static void
on_failed(void *arg, enum connector_result result,
    const struct endpoint *endpoint, const struct address *address)
{
    bool is_named = address == NULL || endpoint->kind == ENDPOINT_UNIX;
    char text[ADDRESS_TEXT_SIZE];

    note_failed(arg,
        is_named ? endpoint->text
                 : address_format((const struct sockaddr *)&address->storage,
                       address->length, text),
        connector_result_text(result));
}

static bool
returns_to_service(
    void *arg, const struct address *to, const struct address *from)
{
    struct conn *conn = arg;

    return feedback_is_found(conn->relay, conn->service, to, from);
}

static enum conn_reason
reason_of_failure(enum connector_result result)
{
    static const enum conn_reason reasons[] = {
        [CONNECTOR_REFUSED] = CONN_CONNECT_REFUSED,
        [CONNECTOR_TIMEOUT] = CONN_CONNECT_TIMEOUT,
        [CONNECTOR_UNREACHABLE] = CONN_CONNECT_UNREACHABLE,
        [CONNECTOR_FORBIDDEN] = CONN_CONNECT_UNREACHABLE,
        [CONNECTOR_UNRESOLVED] = CONN_RESOLVE_FAILED,
        [CONNECTOR_EXHAUSTED] = CONN_OUT_OF_RESOURCES,
        [CONNECTOR_PORTLESS] = CONN_OUT_OF_RESOURCES,
        [CONNECTOR_SELF] = CONN_CONNECT_REFUSED,
        [CONNECTOR_RETURNS] = CONN_CONNECT_REFUSED,
    };

    return reasons[result];
}

static void
keep_server(struct conn *conn, const struct endpoint *endpoint,
    const struct address *address)
{
    conn->endpoint = endpoint;
    conn->server_address.family = 0;
    if (address != NULL)
        conn_keep_address(&conn->server_address,
            (const struct sockaddr *)&address->storage, address->length);
}

/* The server answers: it need not be tried last any more. */
static void
start_relaying(struct conn *conn)
{
    struct silent_addresses *silent = &conn->relay->connecting.silent;
    struct address address = { .length = sizeof(conn->server_address) };

    if (silent->count > 0) {
        memcpy(&address.storage, &conn->server_address,
            sizeof(conn->server_address));
        silent_addresses_remove(silent, &address);
    }
    conn_enter(conn, CONN_RELAY);
}

static bool
has_failed_in_tls(const struct conn *conn)
{
    return conn->state == CONN_CONNECT_TLS ||
        tls_stream_failure(&conn->server) != NULL;
}

static enum conn_reason
tls_reason_of(const struct conn *conn, bool silent)
{
    if (conn->state != CONN_CONNECT_TLS)
        return CONN_TLS_FAILED;
    return silent ? CONN_HANDSHAKE_TIMEOUT : CONN_HANDSHAKE_FAILED;
}

/* Keeps what failed in TLS, if it is the first; without memory it is only in
 * the list. */
static void
keep_tls_failure(struct conn *conn, const char *why, bool silent)
{
    struct conn_tls_failure *failure;

    if (!has_failed_in_tls(conn) || conn->tls_failure != NULL ||
        (failure = malloc(sizeof(*failure))) == NULL)
        return;
    failure->reason = tls_reason_of(conn, silent);
    failure->cause =
        silent ? TLS_CAUSE_TIMEOUT : conn_handshake_cause(&conn->server);
    failure->reached = conn->state;
    failure->endpoint = conn->endpoint;
    failure->address = conn->server_address;
    snprintf(failure->detail, sizeof(failure->detail), "with the server%s%s",
        silent ? "" : ": ", silent ? "" : why);
    escape_undo(failure->detail);
    conn->tls_failure = failure;
}

/* No server is left. */
static void
end_unconnected(struct conn *conn, enum connector_result result)
{
    const struct conn_tls_failure *failure = conn->tls_failure;

    if (failure == NULL) {
        conn_explain(conn, connector_result_detail(
            result, conn->endpoint->kind == ENDPOINT_UNIX));
        conn_end(conn, reason_of_failure(result));
        return;
    }
    conn->endpoint = failure->endpoint;
    conn->server_address = failure->address;
    conn->reached = failure->reached;
    conn->server_failed = true;
    conn->cause = failure->cause;
    conn_explain(conn, failure->detail);
    conn_end(conn, failure->reason);
}

static void
on_connected(void *arg, enum connector_result result, int fd,
    const struct endpoint *endpoint, const struct address *address)
{
    struct conn *conn = arg;

    keep_server(conn, endpoint, address);
    if (result != CONNECTOR_CONNECTED) {
        end_unconnected(conn, result);
        return;
    }
    stream_open(&conn->server, conn->relay->loop, fd, conn_on_server, conn);
    if (endpoint->kind != ENDPOINT_UNIX)
        stream_set_connected(&conn->server);
    if (endpoint->tls)
        conn_enter(conn, CONN_CONNECT_TLS);
    else
        start_relaying(conn);
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

/* False: the client is gone, and so is the connection. */
static bool
keeps_client(struct conn *conn)
{
    enum stream_status status = stream_flush(&conn->client);

    conn->client_stirs = false;
    if ((status == STREAM_AGAIN || status == STREAM_OK) &&
        !stream_is_gone(&conn->client)) {
        watch_client(conn, status);
        return true;
    }
    conn_end(conn, CONN_RESET_BY_CLIENT);
    return false;
}

void
conn_connect_wake(struct conn *conn)
{
    (void)!keeps_client(conn);
}

static void
arm_look(struct conn *conn)
{
    uint64_t now_ms = clock_now_ms(), left_ms = LOOK_MS;

    if (conn->deadline_ms < now_ms + LOOK_MS)
        left_ms = conn->deadline_ms > now_ms ? conn->deadline_ms - now_ms : 0;
    conn_arm(conn, left_ms);
}

/* Most servers on this machine are there at once. */
static void
on_waiting(void *arg)
{
    struct conn *conn = arg;

    if (!timer_is_set(&conn->timer))
        arm_look(conn);
}

void
conn_connect_enter(struct conn *conn)
{
    struct connector_spec spec = {
        .loop = conn->relay->loop,
        .resolver = conn->relay->resolver,
        .memory = &conn->relay->connecting,
        .service = conn->service->config,
        .failed = on_failed,
        .returns = returns_to_service,
        .waits = on_waiting,
        .done = on_connected,
        .arg = conn,
    };

    conn->deadline_ms = UINT64_MAX; /* the connector has its own */
    conn_disarm(conn);
    conn->up_ready = conn->client_stirs = false;
    watch_client(conn,
        buffer_length(&conn->client.pending) > 0 ? STREAM_AGAIN : STREAM_OK);
    if (conn->connector != NULL)
        connector_next(conn->connector, conn->server_silent);
    else
        connector_start(&spec, &conn->connector);
}

void
conn_connect_tls_enter(struct conn *conn)
{
    struct service_client said;
    struct tls_peer peer;

    conn->deadline_ms =
        clock_now_ms() + conn->service->config->handshake_timeout_ms;
    arm_look(conn);
    service_peer(
        conn->service, conn->endpoint, &conn->client, &said, &peer);
    if (tls_stream_start(
            &conn->server, conn->service->connect_context, &peer))
        conn_connect_tls_wake(conn);
    else
        conn_end(conn, CONN_OUT_OF_RESOURCES);
}

void
conn_connect_tls_wake(struct conn *conn)
{
    struct stream *server = &conn->server;
    enum stream_status status;

    if (conn->client_stirs && !keeps_client(conn))
        return;
    status = conn_handshake(conn, server);
    if (status == STREAM_OK)
        start_relaying(conn);
    else if (status != STREAM_AGAIN &&
        !conn_try_next(conn, handshake_step_failure(server), false))
        conn_handshake_fail(conn, server, status);
}

/* In CONN_CONNECT only the client's absence ends anything. */
void
conn_connect_expire(struct conn *conn)
{
    if (stream_is_gone(&conn->client)) {
        conn_end(conn, CONN_RESET_BY_CLIENT);
    } else if (clock_now_ms() < conn->deadline_ms) {
        arm_look(conn);
    } else if (!conn_try_next(conn, "no TLS within timeout.handshake", true)) {
        conn->cause = TLS_CAUSE_TIMEOUT;
        conn_explain(conn, "with the server");
        conn_end(conn, CONN_HANDSHAKE_TIMEOUT);
    }
}

bool
conn_try_next(struct conn *conn, const char *why, bool silent)
{
    char server[ADDRESS_TEXT_SIZE];

    if (conn->connector == NULL)
        return false;
    note_failed(conn, conn_report_server(conn, server), why);
    keep_tls_failure(conn, why, silent);
    loop_cancel(conn->relay->loop, &conn->task);
    if (silent) {
        stream_abort(&conn->server);
        stream_free(&conn->server);
    } else {
        farewell_start(conn->relay, &conn->server);
    }
    conn->server_silent = silent;
    conn->idle_wakes = 0; /* those were another socket's */
    conn_enter(conn, CONN_CONNECT);
    return true;
}

/* How the server ended without a byte.  NULL: it has not, or there are bytes,
 * which on TLS may have come with the end of the handshake. */
static const char *
find_end(const struct stream *server)
{
    char byte;
    ssize_t n;

    if (stream_has_input(server))
        return NULL;
    n = recv(server->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n == 0)
        return "closed before it said or heard a byte";
    return n < 0 && errno != EAGAIN && errno != EINTR ? strerror(errno) : NULL;
}

bool
conn_is_untouched(const struct conn *conn)
{
    return conn->up.bytes == 0 && conn->down.bytes == 0 &&
        conn->up.state == FLOW_OPEN && conn->down.state != FLOW_ENDING &&
        conn->down.state != FLOW_ENDED;
}

bool
conn_keeps_server(struct conn *conn)
{
    const char *end;

    if (!conn_is_untouched(conn)) {
        connector_cancel(conn->connector);
        return true;
    }
    end = find_end(&conn->server);
    return end == NULL || !conn_try_next(conn, end, false);
}
