/*
 * What a service is made of, in few bytes: two services with the same digest
 * behave the same.
 */
#ifndef RELAY_SERVICE_DIGEST_H
#define RELAY_SERVICE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

struct config;

enum { SERVICE_DIGEST_BYTES = 32 };

/* Of the options in effect for config->services[index], and of what is now in
 * the files that its TLS legs name (one that cannot be read counts as just
 * that).  Where an option was written does not matter.  False: out of
 * memory. */
NODISCARD bool service_digest(const struct config *config, size_t index,
    unsigned char out[SERVICE_DIGEST_BYTES]);

#endif
