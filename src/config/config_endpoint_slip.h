/*
 * What people type for an endpoint because another program has it so, or paste
 * from elsewhere: what to write instead, whole.
 */
#ifndef CONFIG_CONFIG_ENDPOINT_SLIP_H
#define CONFIG_CONFIG_ENDPOINT_SLIP_H

#include <stdbool.h>

#include "base/base.h"

struct fault;

/* For a text that is no endpoint, to listen at or to connect to.  False: none of
 * the known slips, and `fault` is as it was; else `fault` is set to what to
 * write. */
NODISCARD bool config_endpoint_slip(
    const char *text, bool listens, struct fault *fault);

#endif
