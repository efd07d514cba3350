/*
 * Contexts that are made to find what is wrong, and for no connection that relays.
 *
 * Legs whose TLS options say the same, of files that are the same, have the same
 * faults and warnings.  One context speaks for all of them, and each reports
 * them as its own.
 */
#ifndef TLS_TLS_TRIAL_H
#define TLS_TLS_TRIAL_H

#include "base/base.h"
#include "tls/tls_context.h"

typedef struct tls_context *tls_trial_context_fn(
    const struct service_config *service, enum tls_role role,
    const struct tls_resources *resources, struct error *error);

/* As tls_context_new(); the certificates of the result are those of the leg, and
 * its session-id context may be another service's.  Without
 * resources->shared every leg has a context of its own. */
NODISCARD tls_trial_context_fn tls_trial_context;

#endif
