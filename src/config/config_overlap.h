/*
 * Whether each listen endpoint of a configuration has an address for itself, as
 * far as that can be told without resolving a name.
 */
#ifndef CONFIG_CONFIG_OVERLAP_H
#define CONFIG_CONFIG_OVERLAP_H

#include "base/base.h"

struct config;
struct error;

/* Adds a fault for each listen endpoint whose place another one, written before
 * it, has already: the same place, or one of a port's addresses where the other
 * stands for any address. */
void config_overlap_check(const struct config *config, struct error *error);

#endif
