/*
 * The curve of an ECDSA certificate, and which peers can do anything with it.
 */
#ifndef TLS_TLS_CURVES_H
#define TLS_TLS_CURVES_H

#include <openssl/types.h>

#include <stdbool.h>

#include "base/base.h"

struct tls_load;

/*
 * `groups`: what the leg negotiates, as SSL_CTX_set1_groups_list(3) takes it.
 *
 * TLS 1.2 uses such a certificate where its curve is among the groups of both
 * sides (RFC 8422 5.1, 5.3), TLS 1.3 where a signature algorithm has the curve
 * in its name (RFC 8446 4.2.3).  A fault if neither holds; a warning if one of
 * the leg's versions is left out.  Certificates with other keys are fine.
 */
void tls_curves_check(const struct tls_load *load, const char *path,
    const X509 *cert, const char *groups);

/* The curve of a key, as OpenSSL numbers them; NID_undef: the key is on none, or
 * on one without a name, which no version of TLS can carry. */
NODISCARD int tls_curves_of(const EVP_PKEY *key);

/* True if `list` names the curve, by any of the names that OpenSSL has for
 * it. */
NODISCARD bool tls_curves_lists(const char *list, int nid);

#endif
