/*
 * The master's clock: once a second each child is looked at (liveness.h), and
 * one that is stuck is killed.  A child with an instance is then replaced, as
 * after any other death.
 */
#ifndef MASTER_OVERSIGHT_H
#define MASTER_OVERSIGHT_H

#include <stdbool.h>

#include "base/base.h"

struct children;
struct event;

/* `dead`: there are children, and the kernel keeps each of them although it was
 * killed long ago.  Runs after the children have been looked at. */
typedef void oversight_fn(void *arg, bool dead);

struct oversight {
    struct children *children;
    struct event *timer;
    oversight_fn *looked;
    void *arg;
};

/* Before the first child is started.  False: out of memory. */
NODISCARD bool oversight_start(struct oversight *oversight,
    struct children *children, oversight_fn *looked, void *arg);
void oversight_stop(struct oversight *oversight);

#endif
