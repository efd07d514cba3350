/* Checks that certificates have not expired. */
#ifndef TLS_TLS_DATES_H
#define TLS_TLS_DATES_H

#include <stdbool.h>

#include "base/base.h"

struct error;
struct tls_context;

/* False: a certificate of the context has expired; `error` names each, behind
 * the caller's prefix.  NULL for a context is good. */
NODISCARD bool tls_dates_are_good(const struct tls_context *context,
    const char *who, struct error *error);

#endif
