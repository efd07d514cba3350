/*
 * Names joined by ':', as OpenSSL takes its lists: kept as one string, written
 * out in pieces that fit on a line of a file.
 */
#ifndef CONFIG_CONFIG_JOINED_H
#define CONFIG_CONFIG_JOINED_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

struct fault;

/* Appends `text`, one name or several, to `*joined` (NULL: empty).  False:
 * `fault` says why, nothing is changed. */
NODISCARD bool config_joined_add(char **joined, const char *text,
    struct fault *fault);

/* How many pieces there are; 0 for NULL. */
size_t config_joined_count(const char *joined);

/* The piece at `index`, allocated.  NULL: out of memory. */
NODISCARD char *config_joined_piece(const char *joined, size_t index);

#endif
