#include "relay/conn_keepalive.h"

#include "base/clock.h"
#include "config/config.h"
#include "net/socket_options.h"
#include "relay/conn_state.h"
#include "relay/relay.h"
#include "relay/service.h"

/* Keepalive takes four system calls, and a clock of the kernel's for each
 * connection.  Most connections do not live to need it, so that it is set on
 * those that have lasted for so long. */
enum { LASTING_MS = 1000 };

static bool
wants_keepalive(const struct conn *conn)
{
    return conn->state == CONN_RELAY && stream_is_open(&conn->server) &&
        conn->endpoint->kind != ENDPOINT_UNIX &&
        conn->service->config->connect_leg.keepalive.on;
}

/* No error matters: what the kernel refuses at one socket it would have refused
 * at the one that listens. */
static void
keep_alive(const struct conn *conn)
{
    socket_options_keep_alive(conn->server.fd,
        &conn->service->config->connect_leg.keepalive);
}

/* The youngest connections come first in the list. */
static void
on_tick(void *arg)
{
    struct relay *relay = arg;
    uint64_t until_ms = clock_now_ms() - LASTING_MS;
    const struct conn *conn = LIST_FIRST(&relay->conns);

    if (conn == NULL || conn->started_ms <= until_ms)
        ticker_stop(&relay->aging);
    for (; conn != NULL && conn->started_ms > relay->aged_ms;
         conn = LIST_NEXT(conn, entry))
        if (conn->started_ms <= until_ms && wants_keepalive(conn))
            keep_alive(conn);
    relay->aged_ms = until_ms;
}

bool
conn_keepalive_open(struct relay *relay)
{
    return ticker_open(&relay->aging, relay->loop->base, on_tick, relay);
}

/* False: no ticks come here. */
static bool
starts_aging(struct relay *relay)
{
    if (!relay->aging.running && relay->aging.readable != NULL)
        ticker_start(&relay->aging);
    return relay->aging.running;
}

/* One that was long in coming about is not looked at by a tick any more. */
void
conn_keepalive_begin(const struct conn *conn)
{
    struct relay *relay = conn->relay;

    if (wants_keepalive(conn) &&
        (conn->started_ms <= relay->aged_ms || !starts_aging(relay)))
        keep_alive(conn);
}
