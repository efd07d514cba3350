/*
 * What there is to tell of the revocation lists that a context judges peers by.
 */
#ifndef TLS_TLS_CRL_FACTS_H
#define TLS_TLS_CRL_FACTS_H

#include "tls/tls_cert_facts.h"

/* Calls `see` for each list, of the kind TLS_CERT_CRL.  NULL for a context has
 * none. */
void tls_crl_facts_each(
    const struct tls_context *context, tls_cert_facts_fn *see, void *arg);

#endif
