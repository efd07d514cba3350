#include "tls/tls_secret.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "tls/tls_error.h"

enum { PRINT_KEY_BYTES = 32 };

static const char print_purpose[] = "sallyport file fingerprints";

bool
tls_secret_make(struct tls_secret *secret, struct error *error)
{
    ERR_clear_error();
    if (RAND_priv_bytes(secret->bytes, sizeof(secret->bytes)) == 1)
        return true;
    tls_error_add(error, "cannot make a secret for session tickets");
    return false;
}

bool
tls_secret_derive(const struct tls_secret *secret, const void *info,
    size_t length, unsigned char *keys, size_t size)
{
    EVP_KDF *hkdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_HKDF, NULL);
    EVP_KDF_CTX *kdf = EVP_KDF_CTX_new(hkdf);
    OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(
            OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", sizeof("SHA256") - 1),
        OSSL_PARAM_octet_string(OSSL_KDF_PARAM_KEY,
            (unsigned char *)secret->bytes, sizeof(secret->bytes)),
        OSSL_PARAM_octet_string(OSSL_KDF_PARAM_INFO, (void *)info, length),
        OSSL_PARAM_END,
    };
    bool done =
        kdf != NULL && EVP_KDF_derive(kdf, keys, size, params) == 1;

    EVP_KDF_CTX_free(kdf);
    EVP_KDF_free(hkdf);
    return done;
}

bool
tls_secret_print(void *arg, const void *data, size_t length,
    unsigned char print[TLS_PRINT_BYTES])
{
    unsigned char key[PRINT_KEY_BYTES];
    size_t made = 0;
    bool done;

    ERR_clear_error();
    done = tls_secret_derive(arg, print_purpose, sizeof(print_purpose), key,
               sizeof(key)) &&
        EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, key, sizeof(key), data,
            length, print, TLS_PRINT_BYTES, &made) != NULL &&
        made == TLS_PRINT_BYTES;
    OPENSSL_cleanse(key, sizeof(key));
    ERR_clear_error();
    return done;
}
