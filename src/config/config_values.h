/*
 * Where each value of an option that has several was written.
 */
#ifndef CONFIG_CONFIG_VALUES_H
#define CONFIG_CONFIG_VALUES_H

#include <stdbool.h>

#include "base/base.h"

struct option;
struct origin;
struct service_config;

/* Notes where the value was written that has just been added to the service's
 * option; `text` is how.  False: out of memory. */
NODISCARD bool config_values_note(struct service_config *service,
    const struct option *option, const char *text,
    const struct origin *origin);

/* Where the value of the option `name` stands that `about` is, is in (a file in a
 * directory), or is one word of; else where its first value does.  NULL: it has its
 * default. */
const struct origin *config_values_origin(const struct service_config *service,
    const char *name, const char *about);

/* Where one of the service's options was given this value, a path, and which option
 * that is.  NULL: no option has it, or it is a default. */
const struct origin *config_values_find(const struct service_config *service,
    const char *value, const struct option **option);

void config_values_clear(struct service_config *service);

#endif
