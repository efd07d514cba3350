/*
 * A connection that ends badly.
 */
#ifndef RELAY_CONN_ABORT_H
#define RELAY_CONN_ABORT_H

#include "relay/conn_reason.h"

struct conn;

/* Ends after what was read has been delivered, or the drain timeout. */
void conn_abort(struct conn *conn, enum conn_reason reason);

/* What CONN_ABORT does, at every event. */
void conn_abort_step(struct conn *conn);

#endif
