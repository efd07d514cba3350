/*
 * TLS handshakes of a connection, with its client or its server.
 */
#ifndef RELAY_CONN_HANDSHAKE_H
#define RELAY_CONN_HANDSHAKE_H

#include "base/base.h"
#include "relay/conn_state.h"

/* One step of a handshake on either leg.  STREAM_OK: it is done, and counted;
 * STREAM_AGAIN: it goes on; else it failed, which is the caller's to act on. */
NODISCARD enum stream_status conn_handshake(
    struct conn *conn, struct stream *stream);

/* Why, as a word for the log and the counters. */
enum tls_cause conn_handshake_cause(const struct stream *stream);

/* Ends the connection for a handshake that failed so. */
void conn_handshake_fail(
    struct conn *conn, struct stream *stream, enum stream_status how);

/* What CONN_ACCEPT_TLS does. */
void conn_accept_tls_enter(struct conn *conn);
void conn_accept_tls_wake(struct conn *conn);
void conn_accept_tls_expire(struct conn *conn);

#endif
