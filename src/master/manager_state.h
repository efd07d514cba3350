/*
 * What the master tells the service manager of its state (sd_notify(3)).
 */
#ifndef MASTER_MANAGER_STATE_H
#define MASTER_MANAGER_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

struct error;
struct event;
struct event_base;
struct notify;

/* What there is to say. */
struct manager_status {
    uint64_t generation;
    size_t services;
    unsigned workers;
    uint64_t connections;     /* there are now */
    const char *reload_fault; /* of the last reload; NULL: none */
    const char *reload_warning; /* the same, where it was made */
    bool has_predecessor;     /* with connections from before an upgrade */
};

/* While the daemon drains, the manager is asked for more time. */
struct manager_state {
    struct event_base *base;
    struct notify *notify;
    void (*look)(void *arg, struct manager_status *status);
    void *arg;
    struct event *timer;
    uint64_t until_ms; /* no longer than that */
};

/* `notify` must outlive it, and so must the base that it gets before anything
 * is said of stopping.  `look` says how things stand. */
void manager_state_init(struct manager_state *state, struct notify *notify,
    void (*look)(void *arg, struct manager_status *status), void *arg);

/* Everything serves. */
void manager_state_ready(struct manager_state *state);

/* The start has failed. */
void manager_state_failure(
    struct manager_state *state, const struct error *error);

/* A reload begins, and ends. */
void manager_state_reloading(struct manager_state *state);
void manager_state_reloaded(struct manager_state *state);

/* The status has changed otherwise. */
void manager_state_status(struct manager_state *state);

/* No client is let in any more; `timeout_ms` for the connections that there
 * are. */
void manager_state_stopping(struct manager_state *state, uint64_t timeout_ms);

/* The process of that id is the service from now on, and speaks for it.  False:
 * there is no manager. */
bool manager_state_successor(struct manager_state *state, int pid);

/* Sends what still waits, for a second at most. */
void manager_state_free(struct manager_state *state);

#endif
