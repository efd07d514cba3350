#include "relay/conn_stats.h"

#include <string.h>

#include "relay/conn_state.h"
#include "relay/relay.h"
#include "relay/service.h"
#include "tls/tls_stream.h"

void
conn_stats_count(struct relay *relay, const struct service *service,
    enum metric_cell cell, uint64_t more)
{
    scoreboard_count(relay->board, relay->slot, SCOREBOARD_ALL, cell, more);
    if (service != NULL && service->index != SCOREBOARD_ALL)
        scoreboard_count(relay->board, relay->slot, service->index, cell,
            more);
}

void
conn_stats_choose(const struct conn *conn)
{
    struct relay *relay = conn->relay;

    if (conn->service->index != SCOREBOARD_ALL)
        scoreboard_count(relay->board, relay->slot, conn->service->index,
            METRIC_ACCEPTED, 1);
}

static void
count_for_conn(const struct conn *conn, enum metric_cell cell, uint64_t more)
{
    if (more > 0)
        conn_stats_count(conn->relay, conn->service, cell, more);
}

void
conn_stats_handshake(const struct conn *conn, const struct stream *stream)
{
    bool listens = stream == &conn->client, newest;
    struct tls_facts facts;

    if (!tls_stream_facts(stream, &facts))
        return;
    newest = strcmp(facts.version, "TLSv1.3") == 0;
    count_for_conn(conn, METRIC_TLS_HANDSHAKES + (listens ? 0 : 2) + newest, 1);
    if (listens)
        count_for_conn(conn, METRIC_HANDSHAKES, 1);
    if (listens && facts.resumed)
        count_for_conn(conn, METRIC_RESUMED, 1);
}

_Static_assert(METRIC_HANDSHAKE_CAUSES_LAST + 1 - METRIC_HANDSHAKE_CAUSES ==
        2 * (TLS_CAUSE_COUNT - 1),
    "each cause is counted, on each leg");

static void
count_failure(const struct conn *conn)
{
    if (conn_is_connect_failure(conn))
        count_for_conn(conn, METRIC_CONNECT_FAILURES, 1);
    else if (conn->reason == CONN_HANDSHAKE_FAILED ||
        conn->reason == CONN_HANDSHAKE_TIMEOUT)
        count_for_conn(conn, METRIC_HANDSHAKE_FAILURES, 1);
}

static void
count_cause(const struct conn *conn)
{
    unsigned leg = conn_failed_with_server(conn) ? TLS_CAUSE_COUNT - 1 : 0;

    if (conn->cause != TLS_CAUSE_NONE)
        count_for_conn(
            conn, METRIC_HANDSHAKE_CAUSES + leg + conn->cause - 1, 1);
}

void
conn_stats_end(const struct conn *conn)
{
    count_for_conn(conn,
        conn_reason_is_failure(conn->reason) ? METRIC_ENDED_BADLY
                                             : METRIC_ENDED_WELL,
        1);
    count_for_conn(conn, METRIC_UP_BYTES, conn->up.bytes);
    count_for_conn(conn, METRIC_DOWN_BYTES, conn->down.bytes);
    count_failure(conn);
    count_cause(conn);
}
