/*
 * A connection on its way to one of its service's servers, and from one that
 * proves useless to the next.
 */
#ifndef RELAY_CONN_CONNECT_H
#define RELAY_CONN_CONNECT_H

#include <stdbool.h>

#include "base/base.h"

struct conn;

/* What CONN_CONNECT and CONN_CONNECT_TLS do. */
void conn_connect_enter(struct conn *conn);
void conn_connect_wake(struct conn *conn);
void conn_connect_tls_enter(struct conn *conn);
void conn_connect_tls_wake(struct conn *conn);
void conn_connect_expire(struct conn *conn);

/* Gives the server up, to which no byte of the client's has gone, and goes on to
 * the next one.  `silent`: it let us wait.  False: there is no other. */
NODISCARD bool conn_try_next(
    struct conn *conn, const char *why, bool silent);

/* While another server could be tried: false if this one has failed before a byte
 * went either way, and the connection has gone on without it. */
NODISCARD bool conn_keeps_server(struct conn *conn);

/* True while no byte, nor an end, has gone from one side to the other. */
bool conn_is_untouched(const struct conn *conn);

#endif
