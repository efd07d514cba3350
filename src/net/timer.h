/*
 * Timers that cannot fail to be set.
 *
 * libevent keeps the timers of a base in an array that grows: event_add() fails
 * where there is no memory for that, and what was to happen never does.  Timers
 * of this kind are linked with each other instead, and libevent has only one, for
 * the earliest of them, in the place that it kept for that from the beginning.
 * So memory can be short when a timer is opened, and then no more.
 *
 * They run from the event loop.  One that is set again while timers run, even
 * with no delay, runs behind a look at new events.
 */
#ifndef NET_TIMER_H
#define NET_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

struct event_base;
struct timer_queue;

/* Zero-initialise; stays where it is while it is open. */
struct timer {
    struct timer_queue *queue; /* of its base; NULL: not open */
    void (*run)(void *arg);
    void *arg;

    /* While it is set: its place in a leftist heap. */
    struct timer *parent, *left, *right;
    uint64_t at_ms;
    uint64_t number; /* at the same time lower ones run first */
    unsigned rank;   /* how many there are down the right side, with itself;
                      * 0: it is not set */
};

/* `run` is for when the time is over.  False: out of memory, and it is not
 * open. */
NODISCARD bool timer_open(struct timer *timer, struct event_base *base,
    void (*run)(void *arg), void *arg);

bool timer_is_open(const struct timer *timer);

/* The timer will not run any more.  Does nothing if it is not open. */
void timer_close(struct timer *timer);

/* Runs it once in `delay_ms`, in place of when it was to before. */
void timer_set(struct timer *timer, uint64_t delay_ms);

/* The same, and opens the timer unless it is open.  False: out of memory, and it is
 * not set. */
NODISCARD bool timer_start(struct timer *timer, struct event_base *base,
    void (*run)(void *arg), void *arg, uint64_t delay_ms);

/* Does nothing if it is not set, or not open. */
void timer_stop(struct timer *timer);

bool timer_is_set(const struct timer *timer);

#endif
