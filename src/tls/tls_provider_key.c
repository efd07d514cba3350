#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <stddef.h>
#include <string.h>

#include "tls/tls_provider_internal.h"

/* A key's data is a struct tls_provided whose `known` is a reference; NULL
 * before it was imported. */

static void *
key_new(void *provider)
{
    (void)provider;
    return OPENSSL_zalloc(sizeof(struct tls_provided));
}

static void
key_free(void *data)
{
    struct tls_provided *key = data;

    if (key != NULL)
        EVP_PKEY_free(key->known);
    OPENSSL_free(key);
}

/* To OpenSSL it is a whole key: with the other half elsewhere. */
static int
key_has(const void *data, int selection)
{
    const struct tls_provided *key = data;

    (void)selection;
    return key != NULL && key->known != NULL;
}

/* Refuses all but what tls_provider_key() gives, other providers' keys among
 * it. */
static int
key_import(void *data, int selection, const OSSL_PARAM params[])
{
    const OSSL_PARAM *param =
        OSSL_PARAM_locate_const(params, TLS_PROVIDER_PARAM);
    struct tls_provided *key = data, provided;

    (void)selection;
    if (key->known != NULL || param == NULL ||
        param->data_type != OSSL_PARAM_OCTET_STRING ||
        param->data_size != sizeof(provided))
        return 0;
    memcpy(&provided, param->data, sizeof(provided));
    if (EVP_PKEY_up_ref(provided.known) != 1)
        return 0;
    *key = provided;
    return 1;
}

static const OSSL_PARAM *
key_import_types(int selection)
{
    static const OSSL_PARAM types[] = {
        OSSL_PARAM_octet_string(TLS_PROVIDER_PARAM, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)selection;
    return types;
}

/* Not with the private half, which is not here; so no other provider takes the
 * key for one that it could sign with. */
static int
key_export(void *data, int selection, OSSL_CALLBACK *take, void *arg)
{
    const struct tls_provided *key = data;

    if (key->known == NULL ||
        (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0)
        return 0;
    return EVP_PKEY_export(key->known, selection, take, arg);
}

static const OSSL_PARAM *
key_export_types(int selection)
{
    static const OSSL_PARAM types[] = {
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
        OSSL_PARAM_END,
    };

    return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 ? NULL : types;
}

/* What may be asked of a key is what the public half can tell. */
static int
key_get_params(void *data, OSSL_PARAM params[])
{
    const struct tls_provided *key = data;

    return key->known != NULL && EVP_PKEY_get_params(key->known, params) == 1;
}

static const OSSL_PARAM *
key_gettable_params(void *provider)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)provider;
    return params;
}

static const char *
ec_operation(int operation)
{
    return operation == OSSL_OP_SIGNATURE ? "ECDSA" : "EC";
}

#define KEY_FUNCTIONS \
    { OSSL_FUNC_KEYMGMT_NEW, (void (*)(void))key_new }, \
    { OSSL_FUNC_KEYMGMT_FREE, (void (*)(void))key_free }, \
    { OSSL_FUNC_KEYMGMT_HAS, (void (*)(void))key_has }, \
    { OSSL_FUNC_KEYMGMT_IMPORT, (void (*)(void))key_import }, \
    { OSSL_FUNC_KEYMGMT_IMPORT_TYPES, (void (*)(void))key_import_types }, \
    { OSSL_FUNC_KEYMGMT_EXPORT, (void (*)(void))key_export }, \
    { OSSL_FUNC_KEYMGMT_EXPORT_TYPES, (void (*)(void))key_export_types }, \
    { OSSL_FUNC_KEYMGMT_GET_PARAMS, (void (*)(void))key_get_params }, \
    { OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, \
        (void (*)(void))key_gettable_params }

static const OSSL_DISPATCH functions[] = { KEY_FUNCTIONS, { 0, NULL } };

/* The signature for keys of the name EC has another name. */
static const OSSL_DISPATCH ec_functions[] = {
    KEY_FUNCTIONS,
    { OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, (void (*)(void))ec_operation },
    { 0, NULL },
};

/* With the names of the default provider's, under which libssl knows them. */
const OSSL_ALGORITHM tls_provider_keys[] = {
    { "RSA:rsaEncryption:1.2.840.113549.1.1.1", TLS_PROVIDER_PROPERTY,
        functions, "RSA key of another process" },
    { "EC:id-ecPublicKey:1.2.840.10045.2.1", TLS_PROVIDER_PROPERTY,
        ec_functions, "EC key of another process" },
    { "ED25519:1.3.101.112", TLS_PROVIDER_PROPERTY, functions,
        "Ed25519 key of another process" },
    { "ED448:1.3.101.113", TLS_PROVIDER_PROPERTY, functions,
        "Ed448 key of another process" },
    { NULL, NULL, NULL, NULL },
};
