#include "tls/tls_key_shares.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

/* OpenSSL and we hold the same key.  Setting its type frees what is in it, and
 * the key that stays has nothing but a type (EVP_PKEY_set_type(3)). */
static void
empty_key(EVP_PKEY *key)
{
    EVP_PKEY_set_type(key, EVP_PKEY_X25519);
    EVP_PKEY_free(key);
}

void
tls_key_shares_release(SSL *ssl)
{
    EVP_PKEY *key = NULL;

    ERR_set_mark();     /* a handshake without a key exchange has no keys */
    if (SSL_get_tmp_key(ssl, &key) == 1 && key != NULL)
        empty_key(key);
    key = NULL;
    if (SSL_get_peer_tmp_key(ssl, &key) == 1 && key != NULL)
        empty_key(key);
    ERR_pop_to_mark();
}
