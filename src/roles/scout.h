/*
 * The scout: a process that asks the DNS for the workers, so that they need not
 * be able to.  What it knows is shared by all of them.
 *
 * It opens no file: what hosts(5) and resolv.conf(5) say comes from the master
 * (MESSAGE_NAMES), before the first channel to a worker does.
 */
#ifndef ROLES_SCOUT_H
#define ROLES_SCOUT_H

#include <stdbool.h>

#include "base/base.h"

struct error;
struct scout;

/* What one worker may ask before it has its answers; what is beyond has failed.
 * Each may be answered twice, which is still less than a channel queues. */
enum { SCOUT_QUERIES_MAX = 1024 };

/* Opens what a scout needs, before it is confined.  NULL: `error` says why. */
NODISCARD struct scout *scout_new(struct error *error);

/* Serves until the master says so or is gone.  Takes `scout` and `master_fd`,
 * the channel to the master, where each MESSAGE_SCOUT brings one to a worker.
 * Returns the exit code; what went wrong is logged.  The signals that are meant
 * for the master and reach a whole group or unit are ignored from then on. */
int scout_run(struct scout *scout, int master_fd);

/* Whether a worker may ask for this name: one that a configuration could have.
 * The scout closes its channel to a worker that asks for anything else. */
NODISCARD bool scout_knows_form(const char *host);

#endif
