/*
 * A tick every second, for what is done now and then while much else goes on.
 *
 * It comes by a descriptor (timerfd_create(2)) and not by a timer of the event
 * loop: with one, each epoll_wait(2) has a timeout, for which the kernel sets a
 * clock whenever the process goes to sleep.  In a virtual machine that costs
 * more than a small read does.
 */
#ifndef NET_TICKER_H
#define NET_TICKER_H

#include <stdbool.h>

#include "base/base.h"

struct event;
struct event_base;

enum { TICKER_MS = 1000 };

struct ticker {
    struct event *readable; /* NULL: not open */
    void (*tick)(void *arg);
    void *arg;
    bool running;
};

/* Opens a ticker that stands still; `tick` runs from the event loop.  False: out
 * of memory or descriptors, and nothing is open. */
NODISCARD bool ticker_open(struct ticker *ticker, struct event_base *base,
    void (*tick)(void *arg), void *arg);

/* The first tick comes after TICKER_MS; after a loop that was busy for longer
 * one comes for all that it has missed. */
void ticker_start(struct ticker *ticker);

/* Has it stand still. */
void ticker_stop(struct ticker *ticker);

/* Does nothing if it is not open, or all zero. */
void ticker_close(struct ticker *ticker);

#endif
