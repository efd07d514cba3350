/*
 * The service manager's watchdog (WatchdogSec= of systemd.service(5)), fed as
 * long as the daemon does its work: the master's loop turns, and so does that of
 * every child that has a post (pulse.h).
 *
 * A child that finishes what it has and goes is not waited for: one that is
 * stuck then holds nothing but its own connections.
 */
#ifndef PROCESS_WATCHDOG_H
#define PROCESS_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "base/board.h"

struct event;
struct master;

struct watchdog {
    uint64_t patience_ms; /* the manager's; 0: there is no watchdog */
    struct event *timer;
    uint64_t fed_ms;
    bool late[BOARD_SLOTS]; /* the log has told of it */
};

/* Before the first fork: finds out from the environment, which keeps its
 * variables for a program that takes over (watchdog_hand_on()). */
void watchdog_init(struct watchdog *watchdog);

/* How often children are to report; 0: not at all. */
uint64_t watchdog_pulse_ms(const struct watchdog *watchdog);

/* Feeds it from now on. */
void watchdog_start(struct master *master);
void watchdog_stop(struct watchdog *watchdog);

/* In a process that is to be the next master: the variables mean it. */
void watchdog_hand_on(void);

#endif
