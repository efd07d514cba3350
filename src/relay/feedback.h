/*
 * Services that would feed themselves: a connect endpoint whose address, once it is
 * known, is a listener of the same service, or of one that leads back to it.
 *
 * The configuration's own check finds what can be told without a resolver
 * (config_ring.h); this is the rest, found as connections are made.
 */
#ifndef RELAY_FEEDBACK_H
#define RELAY_FEEDBACK_H

#include <stdbool.h>

struct address;
struct relay;
struct service;

/* True if a connection of the service to `to` would come back to it.  Keeps in mind
 * which services it leads to.  `from`: the socket's own address, or NULL. */
bool feedback_is_found(struct relay *relay, struct service *service,
    const struct address *to, const struct address *from);

#endif
