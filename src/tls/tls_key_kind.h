/*
 * The kinds of private keys that can be kept elsewhere, and what they sign with.
 */
#ifndef TLS_TLS_KEY_KIND_H
#define TLS_TLS_KEY_KIND_H

#include <openssl/types.h>

#include <stdbool.h>

#include "tls/tls_signer.h"

enum tls_kind {
    TLS_KIND_RSA,
    TLS_KIND_EC,
    TLS_KIND_ED25519,
    TLS_KIND_ED448,
    TLS_KIND_COUNT,
};

/* TLS_KIND_COUNT: another kind, or one whose signatures are too large. */
enum tls_kind tls_kind_of(const EVP_PKEY *key);

/* As OpenSSL calls the keys. */
const char *tls_kind_name(enum tls_kind kind);

/* Whether keys of that kind sign so. */
bool tls_kind_signs(enum tls_kind kind, enum tls_sign_scheme scheme);

/* As OpenSSL has the digest.  NULL: TLS_DIGEST_NONE. */
const EVP_MD *tls_kind_digest(enum tls_sign_digest digest);

#endif
