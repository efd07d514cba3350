/*
 * How many connections there may be at once, in all processes together.
 *
 * A connection is counted in before it is accepted.  At a limit accepting
 * pauses: clients wait in the kernel's queue, and are served as soon as another
 * connection ends, wherever that is.
 */
#ifndef RELAY_LIMITS_H
#define RELAY_LIMITS_H

#include <stdbool.h>

#include "base/base.h"

struct relay;
struct service;

/* Counts one more connection in.  False: there may be none; it is counted out
 * again, and unless there is room by now the acceptors concerned are paused. */
NODISCARD bool limits_admit(struct relay *relay, struct service *service);

/* The same without asking, for clients who cannot be made to wait. */
void limits_enter(struct relay *relay, struct service *service);

/* It has ended, or nobody was there to be accepted.  `index`: the service's on
 * the scoreboard.  Whoever waits for it is told. */
void limits_leave(struct relay *relay, unsigned index);

/* The same for one that another process accepted and has sent here; after this
 * that process may count it out (limits_handed.h). */
void limits_take(struct relay *relay, unsigned index);

/* Looks again, and goes on accepting if there is room: after a wake from
 * another process, a process's end, and a change of limits or of services. */
void limits_recheck(struct relay *relay);

/* For the relay's end. */
void limits_clear(struct relay *relay);

#endif
