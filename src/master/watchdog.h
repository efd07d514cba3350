/*
 * The service manager's watchdog (WatchdogSec= of systemd.service(5)), fed as
 * long as the master's loop turns.
 *
 * A child that is stuck does not starve it: the master kills and replaces that
 * child itself (oversight.h), and the others serve on.
 */
#ifndef MASTER_WATCHDOG_H
#define MASTER_WATCHDOG_H

#include <stdint.h>

#include "base/base.h"

struct event;
struct event_base;
struct notify;

struct watchdog {
    uint64_t patience_ms; /* the manager's; 0: there is no watchdog */
    struct event *timer;
    struct notify *notify;
};

/* Finds out from the environment, which keeps its variables for a program that
 * takes over (watchdog_hand_on()). */
void watchdog_init(struct watchdog *watchdog);

/* Feeds it from now on; both must outlive it. */
void watchdog_start(struct watchdog *watchdog, struct event_base *base,
    struct notify *notify);
void watchdog_stop(struct watchdog *watchdog);

/* In a process that is to be the next master: makes the variables name it. */
void watchdog_hand_on(void);

#endif
