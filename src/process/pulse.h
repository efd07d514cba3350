/*
 * A child's word that its loop turns: now and then it writes the time to its
 * slot on the board, where the master looks before it feeds the service
 * manager's watchdog (watchdog.h).  Without a watchdog nobody is woken for it.
 */
#ifndef PROCESS_PULSE_H
#define PROCESS_PULSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

struct board;
struct event;
struct event_base;

/* What a child is born with. */
struct pulse_seed {
    struct board *board;
    unsigned slot;
    uint64_t every_ms; /* 0: nobody wants to know */
};

struct pulse {
    struct event *timer; /* NULL: nobody wants to know */
    struct pulse_seed seed;
};

/* Beats at once, and then again and again.  `seed` may be NULL.  False: out of
 * memory. */
NODISCARD bool pulse_start(struct pulse *pulse, struct event_base *base,
    const struct pulse_seed *seed);
void pulse_stop(struct pulse *pulse);

#endif
