#include "tls/tls_remote_key.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <stddef.h>

#include "tls/tls_key_kind.h"
#include "tls/tls_provider.h"

/* The certificate's own bytes: a key can be written in more than one way. */
bool
tls_remote_key_name(X509 *cert, struct tls_key_id *id)
{
    unsigned char *der = NULL;
    int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
    unsigned got = 0;
    bool named = length > 0 &&
        EVP_Digest(der, (size_t)length, id->bytes, &got, EVP_sha256(), NULL) ==
            1;

    OPENSSL_free(der);
    return named && got == sizeof(id->bytes);
}

EVP_PKEY *
tls_remote_key_key(X509 *cert, struct tls_signer *signer)
{
    EVP_PKEY *known = X509_get0_pubkey(cert);
    struct tls_provided provided = { .known = known, .signer = signer };

    if (known == NULL)
        return NULL;
    provided.kind = tls_kind_of(known);
    if (provided.kind == TLS_KIND_COUNT ||
        !tls_remote_key_name(cert, &provided.id))
        return NULL;
    return tls_provider_key(&provided);
}
