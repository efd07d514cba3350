/*
 * Digests of public keys as they are written, sha256/BASE64 (RFC 7469 2.4, without
 * its quotes).
 */
#ifndef CONFIG_CONFIG_PIN_H
#define CONFIG_CONFIG_PIN_H

#include <stdbool.h>

#include "base/base.h"
#include "base/strings.h"

struct fault;

/* Whether `text` is such a digest in the one way in which it can be written. */
bool config_pin_is(const char *text);

/* Adds one.  False: `fault` says why. */
NODISCARD bool config_pin_add(
    struct strings *pins, const char *text, struct fault *fault);

#endif
