/*
 * Files of rules, a line of `allow` on each line.
 */
#ifndef TLS_TLS_ALLOW_FILE_H
#define TLS_TLS_ALLOW_FILE_H

#include "config/config_fields.h"

struct tls_load;

/* Adds the rules of all files that the leg's `allow_file` names, in their order.
 * Lines that are empty or begin with '#' or ';' are none.  Faults are added to the
 * errors, with file and line. */
void tls_allow_file_read(const struct tls_load *load, struct allow_rules *rules);

#endif
