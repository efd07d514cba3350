/*
 * What each service and each process may have of all connections.
 *
 * Pure numbers: master and workers come to the same ones, each from the
 * configuration.
 */
#ifndef RELAY_LIMITS_SHARE_H
#define RELAY_LIMITS_SHARE_H

#include <stddef.h>
#include <stdint.h>

struct scoreboard;
struct config;

/* How many connections a service may have in all processes.  `all`: [global]
 * max_connections; `own`: the service's, 0 for none, and then an eighth is left
 * to the services beside it, so that one hanging server cannot fill the daemon
 * for all. */
uint64_t limits_share_of_service(uint64_t all, size_t services, uint64_t own);

/* How many of `most` one of so many workers may have: a sixteenth of a fair
 * share is left to each of the others.  As no worker has more, none is counted
 * with more, and one that has been taken over and claims every place leaves the
 * others room to accept. */
uint64_t limits_share_of_process(uint64_t most, unsigned workers);

/* Tells the scoreboard of all that, before any worker goes by it. */
void limits_share_publish(struct scoreboard *board, const struct config *config,
    unsigned workers);

#endif
