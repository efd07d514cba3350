/*
 * One listening socket as a worker uses it: its clients are served by the
 * service that the socket stands for now.
 */
#ifndef RELAY_ACCEPTOR_H
#define RELAY_ACCEPTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "relay/acceptor_table.h"

/* Takes `fd`, a listening non-blocking socket, perhaps shared with other
 * processes, and begins to accept.  `id` is the caller's; `text`, copied, is
 * the address for the log.  NULL: out of memory; the caller still has `fd`. */
NODISCARD struct acceptor *acceptor_open(struct relay *relay, uint64_t id,
    int fd, const char *text, bool tls, struct service *service);

/* Clients accepted from now on are served by `service`. */
void acceptor_serve(struct acceptor *acceptor, struct service *service);

/* Clients accepted from now on are served by whichever of the share's services they
 * are for; `share` NULL: by the service that acceptor_serve() was given. */
void acceptor_divide(struct acceptor *acceptor, struct share *share);

/* Stops accepting and closes.  `empty_first`: clients in the kernel's queue
 * are accepted first, limit or not: closing the last copy of the socket would
 * reset them.  Runs no later than the relay's loop is freed. */
void acceptor_close(struct acceptor *acceptor, bool empty_first);
void acceptor_close_all(struct relay *relay, bool empty_first);

/* Whether its socket does not listen any more: then it waits to be closed. */
bool acceptor_is_dead(const struct acceptor *acceptor);

/* Takes `fd`, a client's socket that another process accepted at its copy of
 * this acceptor and counted in here as one of the service with that index on the
 * board.  `acceptor` NULL: there is none here any more, and the client is refused.
 * `client` is its address, as that process says; the kernel's word, which it
 * has while the connection lives, goes first. */
void acceptor_take(struct relay *relay, struct acceptor *acceptor, int fd,
    unsigned index, const struct address *client);

/* The same for an acceptor that has been closed here meanwhile. */
void acceptor_take_closed(struct relay *relay, struct service *service,
    bool tls, int fd, const struct address *client);

#endif
