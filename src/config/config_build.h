/*
 * Makes the configuration of what was written: for each option of each
 * service its own values, or else those of [defaults], or else the table's.
 */
#ifndef CONFIG_CONFIG_BUILD_H
#define CONFIG_CONFIG_BUILD_H

#include "base/base.h"

struct config;
struct config_source;
struct error;

/* Fills `config` (new, but for its path, files and their names) and checks it.
 * Every fault is added to `error`; with any, the configuration is incomplete
 * and only good for config_unref(). */
void config_build(struct config *config, struct config_source *source,
    struct error *error);

#endif
