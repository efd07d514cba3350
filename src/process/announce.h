/*
 * What the master tells the service manager of its state (sd_notify(3)).
 */
#ifndef PROCESS_ANNOUNCE_H
#define PROCESS_ANNOUNCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

struct error;
struct event;
struct master;

/* While the daemon drains, the manager is asked for more time. */
struct announce {
    struct event *timer;
    uint64_t until_ms; /* no longer than that */
};

/* Everything serves; `taken_over`: from a master before this one. */
void announce_ready(struct master *master, bool taken_over);

/* It never will. */
void announce_failure(struct master *master, const struct error *error);

/* A reload begins, and ends: master->reload_state says how. */
void announce_reloading(struct master *master);
void announce_reloaded(struct master *master);

/* What is in force has changed otherwise. */
void announce_status(struct master *master);

/* No client is let in any more; `timeout_ms` for those who are there. */
void announce_stopping(struct master *master, uint64_t timeout_ms);

/* The process of that id is the service from now on, and speaks for it. */
void announce_successor(struct master *master, int pid);

void announce_free(struct master *master);

#endif
