/*
 * Times and sizes as other programs, or people, write them: what to write here.
 */
#ifndef CONFIG_CONFIG_NUMBER_SLIP_H
#define CONFIG_CONFIG_NUMBER_SLIP_H

#include <stdbool.h>

#include "base/base.h"

struct fault;
struct option;

/* For a value that is neither a time (`of_time`) nor a size as they are written
 * here.  True: `fault` says what to write in its place.  False: it is no known
 * slip. */
NODISCARD bool config_number_slip(const struct option *option, bool of_time,
    const char *text, struct fault *fault);

#endif
