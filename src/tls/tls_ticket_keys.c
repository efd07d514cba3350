#include "tls/tls_ticket_keys.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include <string.h>

#include "tls/tls_secret.h"

/* 80 bytes in OpenSSL 3: a name, a key for HMAC and one for AES. */
enum { KEYS_MAX = 256 };

/* So that no other use of the secret gives the same bytes. */
static const char purpose[] = "sallyport session tickets";

bool
tls_ticket_keys_seal(SSL_CTX *ctx, const struct tls_secret *secret,
    const unsigned char *id, size_t length)
{
    unsigned char keys[KEYS_MAX], info[sizeof(purpose) + EVP_MAX_MD_SIZE];
    long size = SSL_CTX_get_tlsext_ticket_keys(ctx, NULL, 0);
    bool done;

    if (length > EVP_MAX_MD_SIZE || size <= 0 || size > KEYS_MAX)
        return false;
    memcpy(info, purpose, sizeof(purpose));
    memcpy(info + sizeof(purpose), id, length);
    done = tls_secret_derive(secret, info, sizeof(purpose) + length, keys,
               (size_t)size) &&
        SSL_CTX_set_tlsext_ticket_keys(ctx, keys, size) == 1;
    OPENSSL_cleanse(keys, sizeof(keys));
    return done;
}
