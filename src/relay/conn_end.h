/*
 * How a connection ends: its line in the log, its numbers, and its sockets.
 */
#ifndef RELAY_CONN_END_H
#define RELAY_CONN_END_H

#include <stdbool.h>

#include "relay/conn_state.h"

/* Logs, closes what is open (with a reset unless the end is clean), frees. */
void conn_end(struct conn *conn, enum conn_reason reason);

/* Frees one whose client's socket has been detached: it goes on elsewhere, so it
 * has neither a line in the log nor an end that counts. */
void conn_release(struct conn *conn);

/* Ends, but first has the peer of `stream` read what was sent to it. */
void conn_linger(
    struct conn *conn, struct stream *stream, enum conn_reason reason);

/* The service's index that the connection is counted in under on the scoreboard. */
unsigned conn_counted(const struct conn *conn);

/* Throws away what the peer still sends: unread, it would make the kernel reset
 * the connection.  False: the peer has closed, or sends without end. */
bool conn_discard_input(struct conn *conn, struct stream *stream);

/* What CONN_LINGER does. */
void conn_linger_enter(struct conn *conn);
void conn_linger_wake(struct conn *conn);
void conn_linger_expire(struct conn *conn);

#endif
