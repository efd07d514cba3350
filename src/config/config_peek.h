/*
 * One word out of a file that may be broken.
 */
#ifndef CONFIG_CONFIG_PEEK_H
#define CONFIG_CONFIG_PEEK_H

#include "base/base.h"

/* The option `control` of the file, a relative path made absolute, allocated:
 * `sallyport reload` shows the faults that the daemon finds in the file, so
 * faults are ignored here.  The default, if the option is
 * not there or cannot be read.  NULL: out of memory. */
NODISCARD char *config_peek_control(const char *path);

#endif
