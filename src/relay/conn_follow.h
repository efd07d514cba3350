/*
 * A connection's service after a reload.
 */
#ifndef RELAY_CONN_FOLLOW_H
#define RELAY_CONN_FOLLOW_H

struct conn;

/* Has the connection served by what is active now behind its acceptor, or bears
 * its service's name; by its own where there is neither. */
void conn_follow_reload(struct conn *conn);

#endif
