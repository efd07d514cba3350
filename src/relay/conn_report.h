/*
 * A connection's lines in the log.
 */
#ifndef RELAY_CONN_REPORT_H
#define RELAY_CONN_REPORT_H

#include "base/address.h"
#include "relay/conn_state.h"

/* The connection's server, by address or as the configuration calls it.  NULL:
 * none yet. */
const char *conn_report_server(
    const struct conn *conn, char text[ADDRESS_TEXT_SIZE]);

/* Logs that the connection goes on to `next`; at level debug. */
void conn_report_state(const struct conn *conn, enum conn_state next);

/* Logs the connection's one line, once its reason is known. */
void conn_report_end(const struct conn *conn);

#endif
