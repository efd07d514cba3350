#include "tls/tls_tickets.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#include <string.h>

#include "tls/tls_error.h"

/* 80 bytes in OpenSSL 3: a name, a key for HMAC and one for AES. */
enum { KEYS_MAX = 256 };

/* So that no other use of the secret gives the same bytes. */
static const char purpose[] = "sallyport session tickets";

bool
tls_secret_make(struct tls_secret *secret, struct error *error)
{
    ERR_clear_error();
    if (RAND_priv_bytes(secret->bytes, sizeof(secret->bytes)) == 1)
        return true;
    tls_error_add(error, "cannot make a secret for session tickets");
    return false;
}

/* HKDF (RFC 5869). */
static bool
derive(const struct tls_secret *secret, unsigned char *info, size_t length,
    unsigned char *keys, size_t size)
{
    EVP_KDF *hkdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_HKDF, NULL);
    EVP_KDF_CTX *kdf = EVP_KDF_CTX_new(hkdf);
    OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(
            OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", sizeof("SHA256") - 1),
        OSSL_PARAM_octet_string(OSSL_KDF_PARAM_KEY,
            (unsigned char *)secret->bytes, sizeof(secret->bytes)),
        OSSL_PARAM_octet_string(OSSL_KDF_PARAM_INFO, info, length),
        OSSL_PARAM_END,
    };
    bool done =
        kdf != NULL && EVP_KDF_derive(kdf, keys, size, params) == 1;

    EVP_KDF_CTX_free(kdf);
    EVP_KDF_free(hkdf);
    return done;
}

bool
tls_tickets_seal(SSL_CTX *ctx, const struct tls_secret *secret,
    const unsigned char *id, size_t length)
{
    unsigned char keys[KEYS_MAX], info[sizeof(purpose) + EVP_MAX_MD_SIZE];
    long size = SSL_CTX_get_tlsext_ticket_keys(ctx, NULL, 0);
    bool done;

    if (length > EVP_MAX_MD_SIZE || size <= 0 || size > KEYS_MAX)
        return false;
    memcpy(info, purpose, sizeof(purpose));
    memcpy(info + sizeof(purpose), id, length);
    done = derive(secret, info, sizeof(purpose) + length, keys,
               (size_t)size) &&
        SSL_CTX_set_tlsext_ticket_keys(ctx, keys, size) == 1;
    OPENSSL_cleanse(keys, sizeof(keys));
    return done;
}
