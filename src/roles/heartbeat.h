/*
 * A child's heartbeat: MESSAGE_HEARTBEAT to the master every HEARTBEAT_MS, as long
 * as the child's loop turns.  The master kills and replaces a child that falls
 * silent (liveness.h), and publishes when each was last heard (scoreboard_beat()).
 */
#ifndef ROLES_HEARTBEAT_H
#define ROLES_HEARTBEAT_H

#include <stdbool.h>

#include "base/base.h"
#include "net/ticker.h"

struct channel;
struct event_base;

enum { HEARTBEAT_MS = TICKER_MS };

struct heartbeat {
    struct ticker ticker;
    struct channel *master;
};

/* Sends one at once, and then again and again, until it is stopped, which must
 * be before `master` is freed.  False: out of memory or descriptors. */
NODISCARD bool heartbeat_start(struct heartbeat *heartbeat,
    struct event_base *base, struct channel *master);

/* Does nothing if the heartbeat has been stopped, or is all zero. */
void heartbeat_stop(struct heartbeat *heartbeat);

#endif
