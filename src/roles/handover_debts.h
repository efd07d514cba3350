/*
 * How many clients a worker has taken of others that could not be told so at
 * once, because their handovers were full: they are told until they hear it.
 */
#ifndef ROLES_HANDOVER_DEBTS_H
#define ROLES_HANDOVER_DEBTS_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "net/timer.h"

struct event_base;

/* Tells the worker of that slot that `count` of a service were taken.  False: it
 * has to be told later. */
typedef bool handover_tell_fn(
    void *arg, unsigned slot, unsigned service, uint32_t count);

struct handover_debts {
    LIST_HEAD(, handover_debt) list;
    struct timer timer; /* while there are any */
    handover_tell_fn *tell;
    void *arg;
};

/* False: out of memory. */
NODISCARD bool handover_debts_open(struct handover_debts *debts,
    struct event_base *base, handover_tell_fn *tell, void *arg);

/* One more client.  Without memory its sender goes on counting it for as long as
 * this process lives, which is too many and not too few. */
void handover_debts_add(
    struct handover_debts *debts, unsigned slot, unsigned service);

/* Forgets them.  Does nothing if they are not open. */
void handover_debts_close(struct handover_debts *debts);

#endif
