/*
 * The answer to `certs`: each certificate and revocation list of the generation that
 * is in force once, with the services that use it, those that end first in front; and
 * the files that are left out.
 */
#ifndef MASTER_CERT_LIST_H
#define MASTER_CERT_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

struct cert_records;
struct files;

/* Allocated, lines of no more than CERTS_LINE_MAX bytes, terminated by NUL; what
 * goes beyond `most` bytes, about, is only counted.  `records` are sorted, `files` may
 * be NULL.  NULL: out of memory. */
NODISCARD char *cert_list_make(const struct cert_records *records,
    const struct files *files, bool json, int64_t now, size_t most);

#endif
