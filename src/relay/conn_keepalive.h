/*
 * Keepalive towards servers, on connections that last.
 */
#ifndef RELAY_CONN_KEEPALIVE_H
#define RELAY_CONN_KEEPALIVE_H

#include <stdbool.h>

#include "base/base.h"

struct conn;
struct relay;

/* Opens what keepalive is set by on connections that last, which conn_end_all()
 * closes; without it keepalive is set at once.  False: out of memory or
 * descriptors. */
NODISCARD bool conn_keepalive_open(struct relay *relay);

/* Sees to the keepalive of the server's socket, now that the connection
 * relays. */
void conn_keepalive_begin(const struct conn *conn);

#endif
