/*
 * Where a chain may end: which of the listed CAs are trust anchors.
 *
 * A self-signed CA is one, and an intermediate whose issuer is not listed, which
 * could serve no purpose otherwise.  An intermediate whose issuer is listed is
 * not: it only helps to build the chain to that issuer, whose CRL speaks of it.
 */
#ifndef TLS_TLS_ANCHORS_H
#define TLS_TLS_ANCHORS_H

#include <openssl/types.h>
#include <openssl/x509.h>

#include <stdbool.h>

#include "base/base.h"

struct tls_load;

/*
 * The anchors are in the store, and the others stand beside it.
 *
 * X509_V_FLAG_PARTIAL_CHAIN is for a whole store: every certificate in it could
 * end a chain, and would need no CRL then.  Therefore nothing but anchors is in
 * the store.
 */
struct tls_anchors {
    X509_STORE *store;
    STACK_OF(X509) *others;
    bool partial;   /* an intermediate is among the anchors */
};

/* False: out of memory.  The caller clears `anchors` in any case. */
NODISCARD bool tls_anchors_begin(struct tls_anchors *anchors);

/* Places `cert`, one of `certs`, which are all that is listed.  A CA that one of
 * `crls` revokes is warned of; it is no anchor if its issuer is not listed.
 * False: out of memory. */
NODISCARD bool tls_anchors_add(const struct tls_load *load,
    const STACK_OF(X509) *certs, const STACK_OF(X509_CRL) *crls, X509 *cert,
    struct tls_anchors *anchors);

/* Adds the lists, once all certificates are placed.  False: out of memory. */
NODISCARD bool tls_anchors_add_crls(
    const STACK_OF(X509_CRL) *crls, struct tls_anchors *anchors);

void tls_anchors_clear(struct tls_anchors *anchors);

/* Has verifications of `ctx` use the anchors, which must outlive it.  False: out
 * of memory. */
NODISCARD bool tls_anchors_use(
    SSL_CTX *ctx, const struct tls_anchors *anchors);

#endif
