/*
 * How a configuration becomes active: tried whole in a child, prepared by every
 * worker and keeper, then committed by all at one moment.  Whatever fails before
 * that moment leaves the old state as it was.
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
struct generations;
struct listen_check;
struct message;
struct supervisor;
struct tls_secret;

/* Runs once: `error` (borrowed) has what went wrong; nothing: the configuration is
 * active. */
typedef void rollout_done_fn(void *arg, struct error *error);

/* What a rollout works with; all is borrowed. */
struct rollout_parts {
    struct supervisor *supervisor;
    struct generations *generations;
    const struct listen_check *listen_check;
    struct tls_secret *secret;
};

struct rollout {
    struct rollout_parts parts;
    bool strict;
    bool faulty; /* the trial has found faults of the configuration itself */
    bool left_out; /* files: the bundle is to say so */
    struct child *trial;
    struct event *timer;
    struct error error;
    struct error warnings; /* of the trial, until the next rollout */
    rollout_done_fn *done;
    void *arg; /* of `done` */
};

/* Begins to make `config`, which it takes, the active configuration; no rollout may
 * be under way.  `strict`: certificates that have expired are faults, and names
 * are not looked up: for a change of certificates only. */
void rollout_start(struct rollout *rollout, struct config *config, bool strict,
    rollout_done_fn *done, void *arg);

/* Aborts the rollout, unless it is committed already; `done` does not run. */
void rollout_stop(struct rollout *rollout);

/* Messages of children, and that one has ended. */
void rollout_bound(struct rollout *rollout, struct child *trial,
    const struct message *message, int fd);
void rollout_wanted(struct rollout *rollout, struct child *trial,
    const struct message *message);
void rollout_fault(struct rollout *rollout, struct child *child,
    const struct message *message);
void rollout_warning(struct rollout *rollout, const struct child *trial,
    const struct message *message);
void rollout_left_out(struct rollout *rollout, const struct child *trial,
    const struct message *message);
void rollout_cert(struct rollout *rollout, struct child *trial,
    const struct message *message);
void rollout_verdict(struct rollout *rollout, struct child *trial,
    const struct message *message);
void rollout_prepared(struct rollout *rollout, struct child *child,
    const struct message *message);
void rollout_committed(struct rollout *rollout, struct child *child,
    const struct message *message);
void rollout_child_ended(struct rollout *rollout, const struct child *child);

#endif
