/*
 * A few words out of a file that may be broken.
 */
#ifndef CONFIG_CONFIG_PEEK_H
#define CONFIG_CONFIG_PEEK_H

#include <stdbool.h>

#include "base/base.h"

/* The option `control` of the file, a relative path made absolute, allocated:
 * `sallyport reload` shows the faults that the daemon finds in the file, so
 * faults are ignored here.  The default, if the option is
 * not there or cannot be read.  NULL: out of memory. */
NODISCARD char *config_peek_control(const char *path);

/* Adds the names of the services that the file itself has, in their order; none
 * if it cannot be read.  False: out of memory. */
struct strings;
NODISCARD bool config_peek_services(const char *path, struct strings *names);

#endif
