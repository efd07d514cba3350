/*
 * One relayed connection, from accept(2) to its one line in the log.
 *
 *   accept -> [sniff] -> [TLS accept] -> connect -> [TLS connect] -> relay -> end
 */
#ifndef RELAY_CONN_H
#define RELAY_CONN_H

#include <sys/socket.h>

#include <stdbool.h>
#include <stdint.h>

struct address;
struct relay;
struct service;
struct share;

/* Takes `fd`, a client's socket, of a connection that is counted in
 * (limits.h).  It looks after itself from here on; `relay` must outlive it.
 * `acceptor`: acceptor_id() of the one that it came by.
 *
 * A TLS client that is silent over a reload is served by what is active at its
 * first byte: until then nothing has been decided. */
void conn_start(struct relay *relay, struct service *service, uint64_t acceptor,
    bool tls, int fd, const struct sockaddr *peer, socklen_t length);

/* The same at an address that several services share; the connection is counted in
 * without a service. */
void conn_start_shared(struct relay *relay, struct share *share,
    uint64_t acceptor, int fd, const struct sockaddr *peer, socklen_t length);

/* Sends a copy of `fd`, which stays the caller's, to another process.
 * `acceptor` is acceptor_id() of the acceptor that it came by, `service` its
 * index.  False: could not. */
typedef bool conn_pass_fn(void *arg, uint64_t acceptor, unsigned service,
    int fd, const struct address *client);

/* Has `pass` take every TLS client that has not said its first byte: for a
 * process that does not get the configuration which is active now. */
void conn_pass_silent(struct relay *relay, conn_pass_fn *pass, void *arg);

/* Ends every connection now, with resets. */
void conn_end_all(struct relay *relay);

#endif
