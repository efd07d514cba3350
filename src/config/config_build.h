/*
 * Makes the configuration of what was written: for each option of each
 * service its own values, or else those of [defaults], or else the table's.
 */
#ifndef CONFIG_CONFIG_BUILD_H
#define CONFIG_CONFIG_BUILD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "config/config_ring.h"

struct config;
struct config_source;
struct error;
struct section;

/* A configuration that is being made, in steps of at most a fraction of a
 * millisecond each. */
struct config_build {
    struct config *config;
    struct config_source *source;
    struct error *error;
    struct section *shared; /* [defaults]; NULL: not written */
    size_t built;           /* sections */
    bool was_readable;      /* no fault had been found before */
    bool compared;          /* the services' addresses, with each other */
    struct config_ring ring;
};

/* Fills [global] of `config` (new, but for its path, files and their names).
 * Every fault, of this and of the steps, is added to `error`; with any, the
 * configuration is incomplete and only good for config_unref(). */
void config_build_begin(struct config_build *build, struct config *config,
    struct config_source *source, struct error *error);

/* Makes a service, or checks one against the others.  False: all is done. */
NODISCARD bool config_build_step(struct config_build *build);

/* Frees what only building needed, at any time after it was begun. */
void config_build_end(struct config_build *build);

#endif
