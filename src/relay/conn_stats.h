/*
 * A connection's numbers on the scoreboard, each in its service's column and in the
 * sum of all.
 */
#ifndef RELAY_CONN_STATS_H
#define RELAY_CONN_STATS_H

#include <stdint.h>

#include "base/scoreboard.h"

struct conn;
struct relay;
struct service;
struct stream;

/* `service` NULL: for the sum only, as it is not decided yet. */
void conn_stats_count(struct relay *relay, const struct service *service,
    enum metric_cell cell, uint64_t more);

/* Counts a connection, which was accepted for no service yet, for its service. */
void conn_stats_choose(const struct conn *conn);

/* The handshake on that of its streams is done. */
void conn_stats_handshake(const struct conn *conn, const struct stream *stream);

/* What an ended connection comes to. */
void conn_stats_end(const struct conn *conn);

#endif
