/*
 * TCP keepalive as text: "IDLE INTERVAL COUNT", or "off".
 */
#ifndef CONFIG_CONFIG_KEEPALIVE_H
#define CONFIG_CONFIG_KEEPALIVE_H

#include <stdbool.h>

#include "base/base.h"

struct fault;
struct keepalive;

/* Limits of the kernel, tcp(7). */
#define KEEPALIVE_SECONDS_MAX 32767
#define KEEPALIVE_COUNT_MAX 127

#define KEEPALIVE_TEXT_SIZE 64

/* False: `fault` says why, nothing is changed. */
NODISCARD bool config_keepalive_parse(struct keepalive *keepalive,
    const char *text, struct fault *fault);

/* Returns `text`. */
const char *config_keepalive_format(const struct keepalive *keepalive,
    char text[KEEPALIVE_TEXT_SIZE]);

#endif
