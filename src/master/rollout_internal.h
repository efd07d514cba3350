/*
 * The inside of a rollout, for the files that make it up: rollout.c (its stages)
 * and, below it, rollout_trial.c (the child that tries the configuration).
 */
#ifndef MASTER_ROLLOUT_INTERNAL_H
#define MASTER_ROLLOUT_INTERNAL_H

#include "base/base.h"
#include "master/rollout.h"

/* NULL: logged. */
NODISCARD struct child *rollout_start_trial(const struct rollout *rollout);

#endif
