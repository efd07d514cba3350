#include "tls/tls_init.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include <stdint.h>

#include "tls/tls_error.h"
#include "tls/tls_provider.h"

/* Contexts have their tables of ciphers, groups and digests made of what the
 * providers have, and a first random number the generators. */
static bool
touch_providers(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    unsigned char byte;
    bool good = ctx != NULL && RAND_bytes(&byte, sizeof(byte)) == 1 &&
        RAND_priv_bytes(&byte, sizeof(byte)) == 1;

    SSL_CTX_free(ctx);
    return good;
}

bool
tls_init(struct error *error)
{
    static const uint64_t what = OPENSSL_INIT_LOAD_CRYPTO_STRINGS |
        OPENSSL_INIT_LOAD_SSL_STRINGS | OPENSSL_INIT_ADD_ALL_CIPHERS |
        OPENSSL_INIT_ADD_ALL_DIGESTS | OPENSSL_INIT_LOAD_CONFIG |
        OPENSSL_INIT_ASYNC;

    ERR_clear_error();
    if (OPENSSL_init_ssl(what, NULL) == 1 && tls_provider_load() &&
        touch_providers())
        return true;
    tls_error_add(error, "cannot set OpenSSL up");
    return false;
}
