/*
 * An OpenSSL provider, built in, for private keys that are kept elsewhere:
 * whatever needs no secret is done here, and for a signature a signer is asked.
 *
 * OpenSSL finds its algorithms by the names that the default provider's have
 * (provider-keymgmt(7)), but takes them only for keys that were made by
 * tls_provider_key(): those alone cannot be exported to another provider.
 */
#ifndef TLS_TLS_PROVIDER_H
#define TLS_TLS_PROVIDER_H

#include <openssl/types.h>

#include <stdbool.h>

#include "base/base.h"
#include "tls/tls_key_kind.h"
#include "tls/tls_signer.h"

/* Once in a process; after that it is true and nothing more.  False: OpenSSL's
 * error queue says why. */
NODISCARD bool tls_provider_load(void);

/* What a key of the provider is made of. */
struct tls_provided {
    EVP_PKEY *known; /* its public half, of another provider; borrowed */
    enum tls_kind kind;
    struct tls_key_id id;
    struct tls_signer *signer; /* outlives the key */
};

/* Loads the provider if need be.  NULL: OpenSSL's error queue says why. */
NODISCARD EVP_PKEY *tls_provider_key(const struct tls_provided *provided);

#endif
