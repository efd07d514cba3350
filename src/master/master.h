/*
 * The master: the first process.  It reads the configuration, holds the
 * listening sockets, starts the others and sees to every change; it touches no
 * client byte.
 */
#ifndef MASTER_MASTER_H
#define MASTER_MASTER_H

#include <stdbool.h>

#include "base/base.h"

struct config;
struct error;

/* How the configuration is read, now and at every reload: into files that
 * keep (config_load.h).  NULL: every fault is in `error`. */
struct master_source {
    struct config *(*load)(void *arg, struct error *error);
    void *arg;
    const char *path; /* the main file; NULL: none, and no control socket */
    bool is_demo;     /* its words cannot start another that takes over */
};

/* Serves in the foreground until it is told to stop.  Faults that keep it from
 * starting go to stderr.  Returns the exit code; `*loaded` (may be NULL) is
 * false if it was the configuration's text that was at fault. */
NODISCARD int master_run(const struct master_source *source, bool *loaded);

#endif
