#include "tls/tls_key_kind.h"

#include <openssl/evp.h>

#include <stddef.h>

static const struct {
    const char *name;
    bool signs[TLS_SIGN_SCHEME_COUNT];
} kinds[] = {
    [TLS_KIND_RSA] = { "RSA",
        { [TLS_SIGN_RSA_PKCS1] = true, [TLS_SIGN_RSA_PSS] = true } },
    [TLS_KIND_EC] = { "EC", { [TLS_SIGN_ECDSA] = true } },
    [TLS_KIND_ED25519] = { "ED25519", { [TLS_SIGN_EDDSA] = true } },
    [TLS_KIND_ED448] = { "ED448", { [TLS_SIGN_EDDSA] = true } },
};

enum tls_kind
tls_kind_of(const EVP_PKEY *key)
{
    if (EVP_PKEY_get_size(key) > TLS_SIGNATURE_MAX)
        return TLS_KIND_COUNT;
    for (unsigned i = 0; i < TLS_KIND_COUNT; i++)
        if (EVP_PKEY_is_a(key, kinds[i].name))
            return (enum tls_kind)i;
    return TLS_KIND_COUNT;
}

const char *
tls_kind_name(enum tls_kind kind)
{
    return kinds[kind].name;
}

bool
tls_kind_signs(enum tls_kind kind, enum tls_sign_scheme scheme)
{
    return kinds[kind].signs[scheme];
}

const EVP_MD *
tls_kind_digest(enum tls_sign_digest digest)
{
    static const char *const names[TLS_DIGEST_COUNT] = {
        [TLS_DIGEST_SHA1] = "SHA1", [TLS_DIGEST_SHA224] = "SHA2-224",
        [TLS_DIGEST_SHA256] = "SHA2-256", [TLS_DIGEST_SHA384] = "SHA2-384",
        [TLS_DIGEST_SHA512] = "SHA2-512",
    };
    static EVP_MD *fetched[TLS_DIGEST_COUNT];

    if ((unsigned)digest >= TLS_DIGEST_COUNT || names[digest] == NULL)
        return NULL;
    if (fetched[digest] == NULL)
        fetched[digest] = EVP_MD_fetch(NULL, names[digest], NULL);
    return fetched[digest];
}
