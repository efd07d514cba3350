#include "relay/tally.h"

#include "relay/conn_parts.h"
#include "relay/relay.h"
#include "relay/service.h"
#include "tls/tls_stream.h"

void
tally_count(struct relay *relay, const struct service *service,
    enum board_counter counter, uint64_t more)
{
    board_count(relay->board, relay->slot, BOARD_ALL, counter, more);
    if (service->index != BOARD_ALL)
        board_count(relay->board, relay->slot, service->index, counter, more);
}

static void
count(const struct conn *conn, enum board_counter counter, uint64_t more)
{
    if (more > 0)
        tally_count(conn->relay, conn->service, counter, more);
}

void
tally_handshake(const struct conn *conn)
{
    struct tls_facts facts;

    count(conn, BOARD_HANDSHAKES, 1);
    if (tls_stream_facts(&conn->client, &facts) && facts.resumed)
        count(conn, BOARD_RESUMED, 1);
}

/* A server with which no TLS comes about is not reached either. */
static void
count_failure(const struct conn *conn)
{
    switch (conn->reason) {
    case CONN_HANDSHAKE_FAILED:
    case CONN_HANDSHAKE_TIMEOUT:
        count(conn,
            conn->reached == CONN_ACCEPT_TLS ? BOARD_HANDSHAKE_FAILURES
                                             : BOARD_CONNECT_FAILURES,
            1);
        break;
    case CONN_CONNECT_REFUSED:
    case CONN_CONNECT_TIMEOUT:
    case CONN_CONNECT_UNREACHABLE:
    case CONN_RESOLVE_FAILED:
        count(conn, BOARD_CONNECT_FAILURES, 1);
        break;
    default:
        break;
    }
}

void
tally_end(const struct conn *conn)
{
    bool well = conn->reason == CONN_CLIENT_CLOSED ||
        conn->reason == CONN_SERVER_CLOSED;

    count(conn, well ? BOARD_ENDED_WELL : BOARD_ENDED_BADLY, 1);
    count(conn, BOARD_UP_BYTES, conn->up.bytes);
    count(conn, BOARD_DOWN_BYTES, conn->down.bytes);
    count_failure(conn);
}
