/*
 * One written value made into what the daemon uses, by the option's type.
 */
#ifndef CONFIG_CONFIG_VALUE_H
#define CONFIG_CONFIG_VALUE_H

#include <stdbool.h>

#include "base/base.h"

struct fault;
struct files;
struct option;

/* Sets the option's field in `base`, the struct of its scope; a list grows by
 * the value instead.  Relative paths are taken from `directory`, or left alone
 * if that is NULL; `files` as for config_endpoint_parse().  False: `fault` says
 * why, the field is as it was (a list may have grown by a part of the value). */
NODISCARD bool config_value_parse(const struct option *option,
    const char *text, const char *directory, struct files *files, void *base,
    struct fault *fault);

#endif
