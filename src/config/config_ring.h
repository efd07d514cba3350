/*
 * Services whose clients would come back to them: a service that connects to where
 * it listens itself, or a ring of services.
 *
 * Such a relay takes every place within a second.  What only a resolver knows is
 * left to the workers, which refuse such a connection as it is made.
 */
#ifndef CONFIG_CONFIG_RING_H
#define CONFIG_CONFIG_RING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

struct config;
struct config_link;
struct error;

/* Which services lead to which.  All zero but for `config`: no service has been
 * looked at. */
struct config_ring {
    const struct config *config;
    size_t looked_at; /* services */
    struct config_link *links;
    size_t count, room;
    bool failed; /* out of memory */
};

/* Looks at one more service, among all of which its servers may be.  False: there
 * was none left. */
NODISCARD bool config_ring_step(struct config_ring *ring);

/* Once no step is left: adds a fault for each connect endpoint that leads back to
 * its service. */
void config_ring_judge(struct config_ring *ring, struct error *error);

/* At any time. */
void config_ring_clear(struct config_ring *ring);

#endif
