/*
 * Whether each listen endpoint of a configuration has an address for itself, as
 * far as that can be told without resolving a name.
 */
#ifndef CONFIG_CONFIG_OVERLAP_H
#define CONFIG_CONFIG_OVERLAP_H

#include "base/base.h"

struct config;
struct error;

/* Makes groups of listen endpoints in one place (config_share.h).  Adds a fault for
 * each whose place another one, written before it, has already, so that nothing
 * tells their clients apart, or `*` has.  One address beside all of them is no fault: the
 * kernel serves both, clients of that address by the socket bound to it. */
void config_overlap_check(struct config *config, struct error *error);

#endif
