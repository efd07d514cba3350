/*
 * The inside of the provider, for the files that make it up: tls_provider.c
 * (what OpenSSL loads), tls_provider_key.c (key management, provider-keymgmt(7)),
 * tls_provider_sign.c (signatures, provider-signature(7)).
 */
#ifndef TLS_TLS_PROVIDER_INTERNAL_H
#define TLS_TLS_PROVIDER_INTERNAL_H

#include <openssl/core.h>

#include "tls/tls_provider.h"

/* By which import() is handed a struct tls_provided, as bytes. */
#define TLS_PROVIDER_PARAM "sallyport-provided"

#define TLS_PROVIDER_NAME "sallyport"
#define TLS_PROVIDER_PROPERTY "provider=" TLS_PROVIDER_NAME

/* Ended by an entry without a name. */
extern const OSSL_ALGORITHM tls_provider_keys[];
extern const OSSL_ALGORITHM tls_provider_signatures[];

#endif
