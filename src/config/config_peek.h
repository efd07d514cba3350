/*
 * One word out of a file that may be broken.
 */
#ifndef CONFIG_CONFIG_PEEK_H
#define CONFIG_CONFIG_PEEK_H

#include "base/base.h"

/* The option `control` of the file, a relative path made absolute, allocated:
 * who asks the daemon to reload wants to hear from it what is wrong with the
 * file, so nothing that is wrong matters here.  The default, if the option is
 * not there or cannot be read.  NULL: out of memory. */
NODISCARD char *config_peek_control(const char *path);

#endif
