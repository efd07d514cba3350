#include "relay/conn.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/scoreboard.h"
#include "config/config.h"
#include "relay/conn_abort.h"
#include "relay/conn_connect.h"
#include "relay/conn_end.h"
#include "relay/conn_handshake.h"
#include "relay/conn_relay.h"
#include "relay/conn_sniff.h"
#include "relay/conn_sniffed.h"
#include "relay/conn_state.h"
#include "relay/conn_step.h"
#include "relay/farewell.h"
#include "relay/limits.h"
#include "relay/relay.h"
#include "relay/service.h"
#include "relay/share.h"
#include "tls/tls_stream.h"

static const struct conn_step steps[CONN_STATE_COUNT] = {
    [CONN_SNIFF] = { conn_sniff_enter, conn_sniff_wake, conn_sniff_expire,
        .costly = false },
    [CONN_ACCEPT_TLS] = { conn_accept_tls_enter, conn_accept_tls_wake,
        conn_accept_tls_expire, .costly = true },
    [CONN_CONNECT] = { conn_connect_enter, conn_connect_wake,
        conn_connect_expire, .costly = false },
    [CONN_CONNECT_TLS] = { conn_connect_tls_enter, conn_connect_tls_wake,
        conn_connect_expire, .costly = true },
    [CONN_RELAY] = { conn_relay_enter, conn_relay_wake, conn_relay_expire,
        .costly = false },
    [CONN_ABORT] = { conn_abort_step, conn_abort_step, conn_abort_step,
        .costly = false },
    [CONN_LINGER] = { conn_linger_enter, conn_linger_wake,
        conn_linger_expire, .costly = false },
};

static void
link_conn(struct conn *conn, struct relay *relay)
{
    LIST_INSERT_HEAD(&relay->conns, conn, entry);
    relay->connections++;
    conn->service->connections++;
}

/* NULL: out of memory. */
static struct conn *
new_conn(struct relay *relay)
{
    struct conn *conn = calloc(1, sizeof(*conn));

    if (conn == NULL)
        return NULL;
    conn->relay = relay;
    if (conn_step_init(conn, steps))
        return conn;
    free(conn);
    return NULL;
}

static void
refuse_out_of_memory(
    struct relay *relay, const struct service *service, unsigned counted, int fd)
{
    close(fd);
    limits_leave(relay, counted);
    if (loop_may_log_exhaustion(relay->loop))
        log_error(service->config->name, "out of memory: client refused");
}

/* Takes `fd`. */
static void
begin_conn(struct conn *conn, struct service *service, uint64_t acceptor,
    int fd, const struct sockaddr *peer, socklen_t length)
{
    struct relay *relay = conn->relay;

    conn->service = service_ref(service);
    conn->acceptor = acceptor;
    conn->changes = relay->changes;
    conn->started_ms = clock_now_ms();
    conn->server = (struct stream)STREAM_NONE;
    conn_keep_address(&conn->client_address, peer, length);
    stream_open(&conn->client, relay->loop, fd, conn_on_client, conn);
    link_conn(conn, relay);
    if (relay->began != NULL)
        relay->began(relay->arg);
}

void
conn_start(struct relay *relay, struct service *service, uint64_t acceptor,
    bool tls, int fd, const struct sockaddr *peer, socklen_t length)
{
    struct conn *conn = new_conn(relay);

    if (conn == NULL) {
        refuse_out_of_memory(relay, service, service->index, fd);
        return;
    }
    begin_conn(conn, service, acceptor, fd, peer, length);
    conn_enter(conn, tls ? CONN_ACCEPT_TLS : CONN_CONNECT);
}

void
conn_start_shared(struct relay *relay, struct share *share, uint64_t acceptor,
    int fd, const struct sockaddr *peer, socklen_t length)
{
    struct conn *conn = new_conn(relay);

    if (conn == NULL || !conn_sniff_open(conn, share)) {
        if (conn != NULL)
            timer_close(&conn->timer);
        free(conn);
        refuse_out_of_memory(relay, share_home(share), SCOREBOARD_ALL, fd);
        return;
    }
    begin_conn(conn, share_home(share), acceptor, fd, peer, length);
    conn_enter(conn, CONN_SNIFF);
}

static bool
is_silent_client(const struct conn *conn)
{
    if (conn->state == CONN_SNIFF)
        return buffer_length(&conn->sniff->bytes) == 0 && !conn->sniff->ended;
    return conn->state == CONN_ACCEPT_TLS &&
        !tls_stream_is_tls(&conn->client) && !stream_has_input(&conn->client);
}

static struct address
client_address_of(const struct conn *conn)
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
    struct conn *conn = LIST_FIRST(&relay->conns), *next;

    for (; conn != NULL; conn = next) {
        struct address client = client_address_of(conn);

        next = LIST_NEXT(conn, entry);
        if (!is_silent_client(conn) || conn->service->index == SCOREBOARD_ALL ||
            !pass(arg, conn->acceptor, conn_counted(conn), conn->client.fd,
                &client))
            continue;
        loop_close(relay->loop, stream_detach(&conn->client));
        conn_release(conn);
    }
}

void
conn_end_all(struct relay *relay)
{
    struct conn *conn;

    while ((conn = LIST_FIRST(&relay->conns)) != NULL)
        conn_end(conn, CONN_SHUTDOWN);
    farewell_end_all(relay);
    ticker_close(&relay->aging);
}
