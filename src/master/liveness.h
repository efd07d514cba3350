/*
 * Whether a child answers: it sends heartbeats (heartbeat.h), and it has a time for
 * each order of the master's.
 *
 * Time is counted in turns of the master's own clock, one a second.  So a
 * machine, or a group of processes, that stands still as a whole and goes on
 * ends no child for it.
 */
#ifndef MASTER_LIVENESS_H
#define MASTER_LIVENESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

enum {
    LIVENESS_SILENT_S = 10,  /* of a child that serves */
    LIVENESS_START_S = 30,   /* until a new one does */
    LIVENESS_PREPARE_S = 30, /* a configuration may be large */
    LIVENESS_SWITCH_S = 30,
    LIVENESS_GRACE_S = 5,    /* beyond what connections may take to end */
};

enum liveness_order {
    LIVENESS_PREPARE, /* MESSAGE_PREPARE, until MESSAGE_PREPARED */
    LIVENESS_SWITCH,  /* MESSAGE_COMMIT, until MESSAGE_COMMITTED */
    LIVENESS_END,     /* MESSAGE_DRAIN with a limit, MESSAGE_END: it has gone */
    LIVENESS_ORDERS,
};

/* All zero: a child that has just been started. */
struct liveness {
    bool ready;        /* it has said so */
    unsigned silent_s; /* since its last heartbeat */
    unsigned left_s[LIVENESS_ORDERS]; /* for each order; 0: none is out */
};

void liveness_note(struct liveness *liveness);

/* The child has been told, and has that long.  An order that is out already
 * keeps its time if that ends earlier. */
void liveness_order(
    struct liveness *liveness, enum liveness_order order, uint64_t time_ms);

/* The child has obeyed, or need not any more. */
void liveness_obeyed(struct liveness *liveness, enum liveness_order order);

/* A second is over.  NULL: all is well; else what the child has failed to do,
 * in words that go behind its name.  Heartbeats go on while a child obeys: it
 * loads a configuration in slices (slice.h). */
const char *liveness_tick(struct liveness *liveness);

#endif
