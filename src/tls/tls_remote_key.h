/*
 * Private keys that are kept elsewhere: how they are named, and the object that
 * stands for one where only its certificate is.
 */
#ifndef TLS_TLS_REMOTE_KEY_H
#define TLS_TLS_REMOTE_KEY_H

#include <openssl/types.h>

#include <stdbool.h>

#include "base/base.h"
#include "tls/tls_signer.h"

/* The name of a certificate's key.  False: out of memory. */
NODISCARD bool tls_remote_key_name(X509 *cert, struct tls_key_id *id);

/* The private key of a certificate, as an object that asks the signer for each
 * signature.  NULL: the key is of no kind that can be kept. */
NODISCARD EVP_PKEY *tls_remote_key_key(X509 *cert, struct tls_signer *signer);

#endif
