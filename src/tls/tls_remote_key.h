/*
 * Private keys that are kept elsewhere: how they are named, what they can sign,
 * and the object that stands for one where only its certificate is.
 */
#ifndef TLS_TLS_REMOTE_KEY_H
#define TLS_TLS_REMOTE_KEY_H

#include <openssl/types.h>

#include <stdbool.h>

#include "base/base.h"
#include "tls/tls_signer.h"

/* The kinds of keys that can be kept. */
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

/* NULL: TLS_DIGEST_NONE. */
const EVP_MD *tls_remote_key_digest(enum tls_sign_digest digest);

/* The name of a certificate's key.  False: out of memory. */
NODISCARD bool tls_remote_key_name(X509 *cert, struct tls_key_id *id);

/* The private key of a certificate, as an object that asks the signer for each
 * signature.  NULL: the key is of no kind that can be kept. */
NODISCARD EVP_PKEY *tls_remote_key_key(X509 *cert, struct tls_signer *signer);

#endif
