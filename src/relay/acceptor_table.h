/*
 * The acceptors of a worker: where they listen, and the service that each of them
 * stands for now.
 */
#ifndef RELAY_ACCEPTOR_TABLE_H
#define RELAY_ACCEPTOR_TABLE_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "relay/limits.h"

struct listener;
struct relay;
struct service;
struct share;

struct acceptor {
    LIST_ENTRY(acceptor) entry;
    struct relay *relay;
    struct limit_waiter waiter; /* has the service, of which a reference */
    struct listener *listener;
    struct address at; /* length 0: not known */
    char *text;
    uint64_t id;
    struct share *share; /* NULL: all clients are the service's */
    bool tls; /* of the service; of shared ones false */
    bool closing; /* its queue is being emptied */
};

/* Adds an acceptor at the listening socket `fd`, and takes it out.  Owns none. */
void acceptor_table_add(
    struct relay *relay, struct acceptor *acceptor, int fd);
void acceptor_table_remove(struct acceptor *acceptor);

/* NULL: none has this id. */
struct acceptor *acceptor_find(const struct relay *relay, uint64_t id);

/* The service that a connection of `service` to `to` would be served by, because an
 * acceptor listens there; `from` is the connection's own address, NULL before it
 * has one.  Of several that share the address it is `service`, if that is one of
 * them.  NULL: it goes elsewhere, as far as is known.  Cheap where no acceptor has
 * the port. */
struct service *acceptor_reached(const struct relay *relay,
    const struct service *service, const struct address *to,
    const struct address *from);

uint64_t acceptor_id(const struct acceptor *acceptor);
const char *acceptor_text(const struct acceptor *acceptor);
bool acceptor_is_tls(const struct acceptor *acceptor);

/* Of several that share it, the one that stands for them. */
struct service *acceptor_service(const struct acceptor *acceptor);

/* The index on the scoreboard that its connections are counted in under: that of
 * the service, or none if that is not decided yet. */
unsigned acceptor_counted(const struct acceptor *acceptor);

#endif
