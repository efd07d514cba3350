/*
 * How many connections there may be at once, in all processes together.
 *
 * A connection is counted in before it is accepted.  At a limit accepting
 * pauses: clients wait in the kernel's queue, and are served as soon as another
 * connection ends, wherever that is.
 */
#ifndef RELAY_LIMITS_H
#define RELAY_LIMITS_H

#include <sys/queue.h>

#include <stdbool.h>

#include "base/base.h"

struct relay;
struct service;
struct share;

/* What accepts for a service, and pauses at its limit or at that of all: an
 * acceptor embeds it. */
struct limit_waiter {
    LIST_ENTRY(limit_waiter) entry;
    struct service *service; /* the owner's; then call limits_update() */
    bool paused;
    const struct share *share; /* several services accept there; NULL: the one */

    /* `paused` has changed.  Must not have any waiter part. */
    void (*changed)(void *arg, bool paused);
    void *arg;
};

/* From now on `changed` runs as limits are met and there is room again; at once,
 * if there is none now. */
void limits_join(struct relay *relay, struct limit_waiter *waiter);
void limits_part(struct limit_waiter *waiter);

/* Pauses or goes on, as the limits of all and of its service say. */
void limits_update(const struct relay *relay, struct limit_waiter *waiter);

/* Counts one more connection in; `service` NULL: it has none yet.  False: there may
 * be none; it is counted out again, and unless there is room by now the waiters
 * concerned are paused. */
NODISCARD bool limits_admit(struct relay *relay, struct service *service);

/* The same for a client at an address that several services share, which is for none
 * of them yet.  Clients that are not decided have as many places as a service has
 * that names no limit of its own: those that say nothing leave room for others. */
NODISCARD bool limits_admit_undecided(
    struct relay *relay, const struct share *share);

/* Counts a client among the undecided ones of the share, and out: it has its
 * service, or has ended.  They are counted in this process only. */
void limits_enter_undecided(struct share *share);
void limits_leave_undecided(struct relay *relay, struct share *share);

/* limits_admit() without a limit, for clients that cannot be made to wait. */
void limits_enter(struct relay *relay, struct service *service);

/* Of a connection that was counted in without one: counts it in for its service.
 * False: the service has no room, and it is not. */
NODISCARD bool limits_choose(struct relay *relay, struct service *service);

/* Counts a connection out for its service, which it has lost. */
void limits_unchoose(struct relay *relay, unsigned index);

/* Counts a connection out: it has ended, or no client was there to be accepted.
 * `index`: the service's on the scoreboard.  Wakes workers that wait for it. */
void limits_leave(struct relay *relay, unsigned index);

/* Counts in a connection that another process accepted and has sent here; after
 * this that process may count it out (limits_handed.h). */
void limits_take(struct relay *relay, unsigned index);

/* Looks again, and goes on accepting if there is room: after a wake from
 * another process, a process's end, and a change of limits or of services. */
void limits_recheck(struct relay *relay);

/* For the relay's end; limits_handed_clear() is for it, too. */
void limits_clear(struct relay *relay);

#endif
