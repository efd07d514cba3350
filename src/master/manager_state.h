/*
 * What the master tells the service manager of its state (sd_notify(3)).
 */
#ifndef MASTER_MANAGER_STATE_H
#define MASTER_MANAGER_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

struct error;
struct event;
struct master;

/* While the daemon drains, the manager is asked for more time. */
struct manager_state {
    struct event *timer;
    uint64_t until_ms; /* no longer than that */
};

/* Everything serves; `taken_over`: from a master before this one. */
void manager_state_ready(struct master *master, bool taken_over);

/* It never will. */
void manager_state_failure(struct master *master, const struct error *error);

/* A reload begins, and ends: master->reload_state says how. */
void manager_state_reloading(struct master *master);
void manager_state_reloaded(struct master *master);

/* What is in force has changed otherwise. */
void manager_state_status(struct master *master);

/* No client is let in any more; `timeout_ms` for those who are there. */
void manager_state_stopping(struct master *master, uint64_t timeout_ms);

/* The process of that id is the service from now on, and speaks for it.  False:
 * there is no manager. */
bool manager_state_successor(struct master *master, int pid);

void manager_state_free(struct master *master);

#endif
