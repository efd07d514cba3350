/*
 * Loads what takes long of a service's contexts before these are made, in steps
 * of a certificate or CRL each: the sets of trust (tls_trust_set.h), of which the
 * system's has more than a hundred, and the leg's own certificates
 * (tls_pairs_ahead.h), of which there may be thousands.
 */
#ifndef TLS_TLS_AHEAD_H
#define TLS_TLS_AHEAD_H

#include <stdbool.h>

#include "base/base.h"

struct service_config;
struct tls_ahead;
struct tls_resources;

/* What both refer to has to stay.  Contexts that are made with the same
 * resources find what was loaded, until tls_ahead_free(); what was not, they load
 * themselves.  NULL: out of memory. */
NODISCARD struct tls_ahead *tls_ahead_new(
    const struct service_config *service,
    const struct tls_resources *resources);

/* False: there is nothing left to load ahead. */
NODISCARD bool tls_ahead_step(struct tls_ahead *ahead);

/* At any time.  NULL is left as it is. */
void tls_ahead_free(struct tls_ahead *ahead);

#endif
