/* Where the configuration is read from, now and at every reload. */
#ifndef MASTER_CONFIG_SOURCE_H
#define MASTER_CONFIG_SOURCE_H

#include <stdbool.h>

#include "base/base.h"

struct config;
struct error;

/* `load` reads the configuration into files that keep (config_load.h).  NULL:
 * every fault is in `error`. */
struct config_source {
    struct config *(*load)(void *arg, struct error *error);
    void *arg;
    const char *path; /* the main file; NULL: none, and no control socket */
    bool is_demo;     /* its words cannot start another that takes over */
};

/* Loads, and looks up the accounts that are named: what a start and a reload
 * judge before they make a process.  NULL: every fault is in `error`, which must
 * have been empty. */
NODISCARD struct config *config_source_load(
    const struct config_source *source, struct error *error);

#endif
