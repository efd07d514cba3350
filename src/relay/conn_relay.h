/*
 * A connection that relays.
 */
#ifndef RELAY_CONN_RELAY_H
#define RELAY_CONN_RELAY_H

#include <stdbool.h>

struct conn;

/* What CONN_RELAY does. */
void conn_relay_enter(struct conn *conn);
void conn_relay_wake(struct conn *conn);
void conn_relay_expire(struct conn *conn);

/* True while nothing is watched and a timer goes on, because many wake-ups have
 * moved nothing. */
bool conn_relay_is_resting(const struct conn *conn);

#endif
