#include "relay/conn_end.h"

#include <stdlib.h>

#include "net/connector.h"
#include "relay/conn_report.h"
#include "relay/conn_sniffed.h"
#include "relay/conn_stats.h"
#include "relay/conn_step.h"
#include "relay/farewell.h"
#include "relay/limits.h"
#include "relay/relay.h"
#include "relay/service.h"

static void
unlink_conn(struct conn *conn)
{
    LIST_REMOVE(conn, entry);
    conn->relay->connections--;
    conn->service->connections--;
}

unsigned
conn_counted(const struct conn *conn)
{
    return conn->sniff != NULL ? (unsigned)SCOREBOARD_ALL
                               : conn->service->index;
}

/* Takes the connection out of all counts and lists. */
static void
leave_relay(struct conn *conn)
{
    unlink_conn(conn);
    limits_leave(conn->relay, conn_counted(conn));
    conn_sniff_clear(conn);
}

/* A connection that has left the relay. */
static void
free_conn(struct conn *conn)
{
    struct relay *relay = conn->relay;

    connector_cancel(conn->connector);
    loop_cancel(relay->loop, &conn->task);
    timer_close(&conn->timer);
    stream_free(&conn->client);
    stream_free(&conn->server);
    service_unref(conn->service);
    free(conn->detail);
    free(conn->failed);
    free(conn->tls_failure);
    free(conn);
    if (relay->ended != NULL)
        relay->ended(relay->arg);
}

void
conn_release(struct conn *conn)
{
    leave_relay(conn);
    free_conn(conn);
}

/* The line in the log comes after all counts: what an administrator or a program
 * does because of it finds the place free and the sums right. */
void
conn_end(struct conn *conn, enum conn_reason reason)
{
    void (*close_stream)(struct stream *) =
        conn_reason_is_failure(reason) ? stream_abort : stream_close;

    conn->reason = reason;
    if (conn->sniff != NULL && !conn->sniff->accepted)
        conn_stats_choose(conn);
    conn_stats_end(conn);
    leave_relay(conn);
    conn_report_end(conn);
    flow_stop(&conn->up); /* flows first: they borrow the streams */
    flow_stop(&conn->down);
    close_stream(&conn->client);
    close_stream(&conn->server);
    free_conn(conn);
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
lingering_stream(struct conn *conn)
{
    return stream_is_open(&conn->client) ? &conn->client : &conn->server;
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

void
conn_linger_enter(struct conn *conn)
{
    conn_arm(conn, FAREWELL_MS);
    conn_linger_wake(conn);
}

void
conn_linger_expire(struct conn *conn)
{
    /* No reset: it could overtake the alert. */
    stream_close(lingering_stream(conn));
    conn_end(conn, conn->reason);
}

void
conn_linger_wake(struct conn *conn)
{
    struct stream *stream = lingering_stream(conn);
    enum stream_status sent = stream_finish(stream);
    bool blocked = sent == STREAM_AGAIN;
    bool open = conn_discard_input(conn, stream);

    if (blocked)
        stream_watch(stream, (short)(EV_WRITE | (open ? EV_READ : 0)));
    else if (sent == STREAM_OK && open)
        stream_watch(stream, EV_READ);
    else
        conn_linger_expire(conn);
}
