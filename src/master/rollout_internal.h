/*
 * The inside of a rollout, for the files that make it up: rollout.c (its stages)
 * and rollout_trial.c (the child that tries the configuration).
 */
#ifndef MASTER_ROLLOUT_INTERNAL_H
#define MASTER_ROLLOUT_INTERNAL_H

#include "base/base.h"
#include "master/rollout.h"

/* NULL: logged. */
NODISCARD struct child *rollout_start_trial(struct master *master);

/* The stage after the trial. */
void rollout_prepare(struct master *master);

/* Gives it up, and says what is in its error. */
void rollout_fail(struct master *master);

#endif
