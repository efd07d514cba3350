/*
 * The master's clock: once a second it looks at each child (liveness.h), and
 * kills one that is stuck.  What has an instance is then replaced, as after any
 * other death.  It looks at the listening sockets as well (listen_check.h).
 */
#ifndef MASTER_OVERSIGHT_H
#define MASTER_OVERSIGHT_H

#include <stdbool.h>

#include "base/base.h"

struct event;
struct master;

struct oversight {
    struct event *timer;
};

/* Before the first child is started.  False: out of memory. */
NODISCARD bool oversight_start(struct master *master);
void oversight_stop(struct oversight *oversight);

#endif
