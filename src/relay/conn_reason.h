/*
 * Why a connection ended: a closed list, whose words stand in the log.
 */
#ifndef RELAY_CONN_REASON_H
#define RELAY_CONN_REASON_H

#include <stdbool.h>

enum conn_reason {
    CONN_CLIENT_CLOSED, /* both directions ended cleanly, the client's first */
    CONN_SERVER_CLOSED,
    CONN_RESET_BY_CLIENT,
    CONN_RESET_BY_SERVER,
    CONN_TRUNCATED,        /* TLS ended by a FIN without close_notify */
    CONN_HANDSHAKE_FAILED,
    CONN_HANDSHAKE_TIMEOUT,
    CONN_TLS_FAILED, /* after the handshake */
    CONN_CONNECT_REFUSED,
    CONN_CONNECT_TIMEOUT,
    CONN_CONNECT_UNREACHABLE,
    CONN_RESOLVE_FAILED,
    CONN_OUT_OF_RESOURCES,
    CONN_IDLE_TIMEOUT,
    CONN_HALF_CLOSE_TIMEOUT,
    CONN_LIFETIME,
    CONN_NO_PROGRESS, /* its sockets were ready without end, and nothing moved */
    CONN_NO_SERVICE, /* none of those at its address is for such a client */
    CONN_SERVICE_FULL, /* and it was accepted before that could be known */
    CONN_SHUTDOWN,
};

/* "client-closed", "reset-by-server" and so on. */
const char *conn_reason_name(enum conn_reason reason);

/* Whether the connection came to another end than both peers meant: all but the
 * first two. */
bool conn_reason_is_failure(enum conn_reason reason);

#endif
