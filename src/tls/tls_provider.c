#include "tls/tls_provider.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#include <stddef.h>

#include "tls/tls_provider_internal.h"

static const OSSL_ALGORITHM *
query_operation(void *provider, int operation, int *may_not_be_kept)
{
    (void)provider;
    *may_not_be_kept = 0;
    switch (operation) {
    case OSSL_OP_KEYMGMT:
        return tls_provider_keys;
    case OSSL_OP_SIGNATURE:
        return tls_provider_signatures;
    default:
        return NULL;
    }
}

/* OSSL_provider_init_fn; OpenSSL wants a context that is not NULL. */
static int
provider_init(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in,
    const OSSL_DISPATCH **out, void **provider)
{
    static const OSSL_DISPATCH functions[] = {
        { OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query_operation },
        { 0, NULL },
    };

    (void)in;
    *out = functions;
    *provider = (void *)core;
    return 1;
}

/* Beside whatever is loaded already.  The default provider would otherwise be
 * loaded by OpenSSL when it is needed first, which is to be before this one:
 * the first that has an algorithm is the one that everybody gets. */
static OSSL_PROVIDER *
load_provider(void)
{
    (void)OSSL_PROVIDER_available(NULL, "default");
    if (OSSL_PROVIDER_add_builtin(NULL, TLS_PROVIDER_NAME, provider_init) != 1)
        return NULL;
    return OSSL_PROVIDER_try_load(NULL, TLS_PROVIDER_NAME, 1);
}

bool
tls_provider_load(void)
{
    static OSSL_PROVIDER *loaded; /* for as long as the process */

    if (loaded == NULL)
        loaded = load_provider();
    return loaded != NULL;
}

EVP_PKEY *
tls_provider_key(const struct tls_provided *provided)
{
    struct tls_provided copy = *provided;
    OSSL_PARAM params[] = {
        OSSL_PARAM_octet_string(TLS_PROVIDER_PARAM, &copy, sizeof(copy)),
        OSSL_PARAM_END,
    };
    EVP_PKEY_CTX *ctx = NULL;
    EVP_PKEY *key = NULL;

    if (!tls_provider_load())
        return NULL;
    ctx = EVP_PKEY_CTX_new_from_name(
        NULL, tls_kind_name(provided->kind), TLS_PROVIDER_PROPERTY);
    if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    return key;
}
