#include "relay/conn_state.h"

#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/escape.h"

const char *
conn_state_name(enum conn_state state)
{
    static const char *const names[] = {
        [CONN_START] = "start",
        [CONN_SNIFF] = "sniff",
        [CONN_ACCEPT_TLS] = "accept-tls",
        [CONN_CONNECT] = "connect",
        [CONN_CONNECT_TLS] = "connect-tls",
        [CONN_RELAY] = "relay",
        [CONN_ABORT] = "abort",
        [CONN_LINGER] = "linger",
    };

    _Static_assert(COUNT(names) == CONN_STATE_COUNT, "every state has a name");
    return names[state];
}

/* A server that refuses our certificate says so behind the handshake of TLS 1.3,
 * perhaps after the client's first bytes. */
bool
conn_is_connect_failure(const struct conn *conn)
{
    switch (conn->reason) {
    case CONN_CONNECT_REFUSED:
    case CONN_CONNECT_TIMEOUT:
    case CONN_CONNECT_UNREACHABLE:
    case CONN_RESOLVE_FAILED:
        return true;
    case CONN_HANDSHAKE_FAILED:
    case CONN_HANDSHAKE_TIMEOUT:
        return conn->reached == CONN_CONNECT_TLS;
    case CONN_OUT_OF_RESOURCES:
        return conn->reached == CONN_CONNECT ||
            conn->reached == CONN_CONNECT_TLS;
    case CONN_TLS_FAILED:
        return conn->server_failed && conn->down.bytes == 0;
    default:
        return false;
    }
}

bool
conn_failed_with_server(const struct conn *conn)
{
    return conn->server_failed || conn_is_connect_failure(conn);
}

void
conn_explain(struct conn *conn, const char *detail)
{
    if (conn->detail == NULL && detail != NULL)
        conn->detail = strdup(detail);
}

static const char *
side_of(const struct conn *conn, const struct stream *stream)
{
    return stream == &conn->client ? "client" : "server";
}

void
conn_explain_side(
    struct conn *conn, const struct stream *stream, const char *what)
{
    char text[600];

    snprintf(
        text, sizeof(text), "with the %s: %s", side_of(conn, stream), what);
    escape_undo(text);
    conn_explain(conn, text);
}

void
conn_keep_address(union conn_address *kept, const struct sockaddr *address,
    socklen_t length)
{
    if (length > sizeof(*kept))
        length = sizeof(kept->family); /* unix: its path is not kept */
    memcpy(kept, address, length);
}
