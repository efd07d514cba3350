/*
 * The scout: a process that asks the DNS for the workers, so that they need not
 * be able to.  What it knows is shared by all of them.
 */
#ifndef PROCESS_SCOUT_H
#define PROCESS_SCOUT_H

#include <stdbool.h>

#include "base/base.h"

/* What one worker may ask before it has its answers; what is beyond has failed.
 * Each may be answered twice, which is still less than a channel queues. */
enum { SCOUT_QUERIES_MAX = 1024 };

struct pulse_seed;

/* Serves until the master says so or is gone.  Takes `master_fd`, the way to
 * it, on which each MESSAGE_SCOUT brings a way to one worker.  Returns the exit
 * code; what went wrong is logged.  The signals that are meant for the master
 * and reach a whole group or unit are ignored from then on. */
int scout_run(int master_fd, const struct pulse_seed *pulse);

/* Whether a worker may ask for this name: one that a configuration could have.
 * The scout has nothing more to do with one who asks for another. */
NODISCARD bool scout_knows_form(const char *host);

#endif
