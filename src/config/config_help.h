/*
 * `sallyport help [OPTION]`: what the option table says, for reading.
 */
#ifndef CONFIG_CONFIG_HELP_H
#define CONFIG_CONFIG_HELP_H

#include <stdbool.h>
#include <stdio.h>

#include "base/base.h"

/* All options with a line each, or all about one of them; "cert" stands for
 * listen.cert and connect.cert.  False: there is no such option, and `out` has
 * a line that says so and names the nearest. */
NODISCARD bool config_help(const char *option, FILE *out);

/* Writes a paragraph in lines of at most 76 columns, broken at blanks. */
void config_help_wrap(const char *text, FILE *out);

#endif

