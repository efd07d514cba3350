/*
 * How a configuration comes into force: tried whole in a child, prepared by
 * every worker and keeper, then switched to by all at one moment.  Whatever
 * fails before that moment leaves the old state as it was.
 */
#ifndef MASTER_ROLLOUT_H
#define MASTER_ROLLOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "base/error.h"

struct child;
struct config;
struct event;
struct master;
struct message;

enum rollout_stage {
    ROLLOUT_NONE,
    ROLLOUT_TRIAL,   /* a child tries it */
    ROLLOUT_PREPARE, /* workers and keepers load it */
    ROLLOUT_COMMIT,  /* it is in force; they take it up */
};

/* Runs once: `error` (borrowed) has what went wrong; nothing: it is in force. */
typedef void rollout_done_fn(struct master *master, struct error *error);

struct rollout {
    enum rollout_stage stage;
    uint64_t generation;
    struct config *config;
    unsigned workers; /* that there are to be */
    bool strict;
    int bundle_fd;
    struct child *trial;
    struct event *timer;
    struct error error;
    rollout_done_fn *done;
};

/* Begins to bring `config`, which it takes, into force; none may be under way.
 * `strict`: certificates that have expired are faults, names are not asked
 * for: for a change of certificates only. */
void rollout_start(struct master *master, struct config *config, bool strict,
    rollout_done_fn *done);

/* Gives it up, unless it is in force already; `done` does not run. */
void rollout_stop(struct master *master);

/* What children say and do. */
void rollout_bound(struct child *trial, const struct message *message, int fd);
void rollout_wanted(struct child *trial, const struct message *message);
void rollout_fault(struct child *trial, const struct message *message);
void rollout_verdict(struct child *trial, const struct message *message);
void rollout_prepared(struct child *child, const struct message *message);
void rollout_committed(struct child *child, const struct message *message);
void rollout_child_ended(struct child *child);

#endif
