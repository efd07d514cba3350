/*
 * The inside of a rollout, for the files that make it up, from low to high:
 * rollout_trial.c (the child that tries the configuration), rollout_end.c (how a
 * rollout ends), rollout.c (its stages).
 */
#ifndef MASTER_ROLLOUT_INTERNAL_H
#define MASTER_ROLLOUT_INTERNAL_H

#include "base/base.h"
#include "master/rollout.h"

struct instance;
struct listen_table;

/* NULL: logged. */
NODISCARD struct child *rollout_start_trial(const struct rollout *rollout);

/* The sockets of the supervisor; never NULL. */
struct listen_table *rollout_sockets(const struct rollout *rollout);

/* The instances whose processes load the configuration, one after the other:
 * keepers, so that they have the keys first, and so many workers.  NULL: no
 * more. */
struct instance *rollout_loader_at(
    const struct rollout *rollout, unsigned workers, unsigned index);

/* Ends a rollout whose configuration is active, whatever was said of it
 * meanwhile; `done` runs. */
void rollout_finish(struct rollout *rollout);

/* Aborts the rollout (rollout_stop()), and passes what is in its error to
 * `done`. */
void rollout_fail(struct rollout *rollout);

#endif
