/*
 * One relayed connection, from accept(2) to its one line in the log.
 *
 *   accept -> [TLS accept] -> connect -> [TLS connect] -> relay -> end
 */
#ifndef RELAY_CONN_H
#define RELAY_CONN_H

#include <sys/socket.h>

#include <stdbool.h>

struct relay;
struct service;

/* Takes `fd`, a client's socket, of a connection that is counted in
 * (limits.h).  It looks after itself from here on; `relay` must outlive it. */
void conn_start(struct relay *relay, struct service *service, bool tls, int fd,
    const struct sockaddr *peer, socklen_t length);

/* Ends every connection now, with resets. */
void conn_end_all(struct relay *relay);

#endif
