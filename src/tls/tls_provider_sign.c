#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "tls/tls_job.h"
#include "tls/tls_key_kind.h"
#include "tls/tls_provider_internal.h"

/* A signature to be made. */
struct making {
    const struct tls_provided *key; /* borrowed; OpenSSL's context holds it */
    enum tls_sign_digest digest;
    bool pss;         /* RSA only, as is salted_well */
    bool salted_well; /* the salt is as long as the digest */
};

static void *
sign_new(void *provider, const char *properties)
{
    (void)provider, (void)properties;
    return OPENSSL_zalloc(sizeof(struct making));
}

static void
sign_free(void *data)
{
    OPENSSL_free(data);
}

static void *
sign_copy(void *data)
{
    return OPENSSL_memdup(data, sizeof(struct making));
}

/* By the names that libssl and everybody else have for it; EVP_MD_is_a(), which
 * knows more of them, would be the dearest part of all that is done here.
 * TLS_DIGEST_NONE: none of those that can be asked for. */
static enum tls_sign_digest
find_digest(const char *name)
{
    static const char *const names[][2] = {
        [TLS_DIGEST_SHA1] = { "SHA1", "SHA-1" },
        [TLS_DIGEST_SHA224] = { "SHA2-224", "SHA224" },
        [TLS_DIGEST_SHA256] = { "SHA2-256", "SHA256" },
        [TLS_DIGEST_SHA384] = { "SHA2-384", "SHA384" },
        [TLS_DIGEST_SHA512] = { "SHA2-512", "SHA512" },
    };

    for (unsigned i = TLS_DIGEST_NONE + 1; i < TLS_DIGEST_COUNT; i++)
        if (strcasecmp(name, names[i][0]) == 0 ||
            strcasecmp(name, names[i][1]) == 0)
            return (enum tls_sign_digest)i;
    return TLS_DIGEST_NONE;
}

static bool
is_eddsa(const struct tls_provided *key)
{
    return tls_kind_signs(key->kind, TLS_SIGN_EDDSA);
}

/* The padding's number, or the name that OpenSSL has for it. */
static bool
set_padding(struct making *making, const OSSL_PARAM *param)
{
    int padding = 0;

    if (param->data_type == OSSL_PARAM_UTF8_STRING)
        padding = strcmp(param->data, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0
            ? RSA_PKCS1_PSS_PADDING
            : strcmp(param->data, OSSL_PKEY_RSA_PAD_MODE_PKCSV15) == 0
            ? RSA_PKCS1_PADDING
            : 0;
    else if (OSSL_PARAM_get_int(param, &padding) != 1)
        return false;
    making->pss = padding == RSA_PKCS1_PSS_PADDING;
    return making->pss || padding == RSA_PKCS1_PADDING;
}

static bool
set_salt(struct making *making, const OSSL_PARAM *param)
{
    int length = 0;

    if (param->data_type == OSSL_PARAM_UTF8_STRING)
        making->salted_well =
            strcmp(param->data, OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST) == 0;
    else
        making->salted_well = OSSL_PARAM_get_int(param, &length) == 1 &&
            length == RSA_PSS_SALTLEN_DIGEST;
    return making->salted_well;
}

static int
sign_set_params(void *data, const OSSL_PARAM params[])
{
    struct making *making = data;
    const OSSL_PARAM *param;

    if (params == NULL || making->key == NULL ||
        making->key->kind != TLS_KIND_RSA)
        return 1;
    param = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
    if (param != NULL && !set_padding(making, param))
        return 0;
    param = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN);
    return param == NULL || set_salt(making, param);
}

static const OSSL_PARAM *
sign_settable_params(void *data, void *provider)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)data, (void)provider;
    return params;
}

/* A key of NULL: the one before goes on. */
static int
sign_init(void *data, const char *digest, void *key, const OSSL_PARAM params[])
{
    struct making *making = data;

    if (key != NULL)
        *making = (struct making){ .key = key };
    if (making->key == NULL || making->key->known == NULL)
        return 0;
    making->digest = TLS_DIGEST_NONE;
    if (digest != NULL && *digest != '\0')
        making->digest = find_digest(digest);
    if (is_eddsa(making->key) != (making->digest == TLS_DIGEST_NONE))
        return 0;
    return sign_set_params(making, params);
}

static enum tls_sign_scheme
scheme_of(const struct making *making)
{
    if (making->key->kind == TLS_KIND_RSA)
        return making->pss ? TLS_SIGN_RSA_PSS : TLS_SIGN_RSA_PKCS1;
    return making->key->kind == TLS_KIND_EC ? TLS_SIGN_ECDSA : TLS_SIGN_EDDSA;
}

/* What only the holder of the key can do. */
static bool
ask_signer(const struct making *making, const unsigned char *bytes,
    size_t count, unsigned char *signature, size_t size, size_t *length)
{
    const struct tls_sign_request request = {
        .key = making->key->id,
        .scheme = scheme_of(making),
        .digest = making->digest,
        .bytes = bytes,
        .length = count,
    };

    if (making->pss && !making->salted_well)
        return false;
    return tls_sign_is_sound(request.scheme, request.digest, count) &&
        tls_job_sign(making->key->signer, &request, signature, size, length);
}

/* All at once, which is how TLS signs; without a signature to fill, it says
 * how long one can be. */
static int
sign_data(void *data, unsigned char *signature, size_t *length, size_t size,
    const unsigned char *message, size_t message_length)
{
    const struct making *making = data;
    const EVP_MD *md = tls_kind_digest(making->digest);
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned count = 0;

    if (making->key == NULL)
        return 0;
    if (signature == NULL) {
        *length = (size_t)EVP_PKEY_get_size(making->key->known);
        return 1;
    }
    if (md == NULL)
        return ask_signer(making, message, message_length, signature, size,
            length);
    return EVP_Digest(message, message_length, hash, &count, md, NULL) == 1 &&
        ask_signer(making, hash, count, signature, size, length);
}

static const OSSL_DISPATCH functions[] = {
    { OSSL_FUNC_SIGNATURE_NEWCTX, (void (*)(void))sign_new },
    { OSSL_FUNC_SIGNATURE_FREECTX, (void (*)(void))sign_free },
    { OSSL_FUNC_SIGNATURE_DUPCTX, (void (*)(void))sign_copy },
    { OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, (void (*)(void))sign_init },
    { OSSL_FUNC_SIGNATURE_DIGEST_SIGN, (void (*)(void))sign_data },
    { OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, (void (*)(void))sign_set_params },
    { OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS,
        (void (*)(void))sign_settable_params },
    { 0, NULL },
};

const OSSL_ALGORITHM tls_provider_signatures[] = {
    { "RSA:rsaEncryption:1.2.840.113549.1.1.1", TLS_PROVIDER_PROPERTY,
        functions, "RSA signatures, made elsewhere" },
    { "ECDSA", TLS_PROVIDER_PROPERTY, functions,
        "ECDSA signatures, made elsewhere" },
    { "ED25519:1.3.101.112", TLS_PROVIDER_PROPERTY, functions,
        "Ed25519 signatures, made elsewhere" },
    { "ED448:1.3.101.113", TLS_PROVIDER_PROPERTY, functions,
        "Ed448 signatures, made elsewhere" },
    { NULL, NULL, NULL, NULL },
};
