/*
 * Whether a service would be made just the same again.
 */
#ifndef RELAY_SERVICE_DIFF_H
#define RELAY_SERVICE_DIFF_H

#include <stdbool.h>

#include "base/base.h"

struct service_config;

/* True if both have the same name, the same options in effect and, for legs
 * that are TLS, the same in the files that these name.  Where an option was
 * written does not matter.  Files are compared as their configurations keep
 * them; a configuration that keeps none is the same as no other if it names
 * any. */
NODISCARD bool service_is_same(
    const struct service_config *before, const struct service_config *now);

#endif
