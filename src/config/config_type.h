/*
 * The way back: the text from which an option's field can be parsed again.
 */
#ifndef CONFIG_CONFIG_TYPE_H
#define CONFIG_CONFIG_TYPE_H

#include <stddef.h>

#include "base/base.h"

struct option;

/* How many values are to be written; 0: the option is not set.  `base` is the
 * struct of the option's scope. */
size_t config_type_count(const struct option *option, const void *base);

/* The value at `index` as text, allocated.  NULL: out of memory. */
NODISCARD char *config_type(const struct option *option, const void *base,
    size_t index);

#endif
