#include "tls/tls_key_decode.h"

#include <openssl/decoder.h>
#include <openssl/evp.h>

#include "tls/tls_key_kind.h"

/* The decoders for one kind of key, and the key that they decoded last. */
struct decoder {
    OSSL_DECODER_CTX *ctx;
    EVP_PKEY *key;
};

static struct decoder decoders[TLS_KIND_COUNT];

/* NULL: out of memory. */
static struct decoder *
find_decoder(enum tls_kind kind)
{
    struct decoder *decoder = &decoders[kind];

    if (decoder->ctx == NULL)
        decoder->ctx = OSSL_DECODER_CTX_new_for_pkey(&decoder->key, "DER",
            "PrivateKeyInfo", tls_kind_name(kind), EVP_PKEY_KEYPAIR, NULL,
            NULL);
    return decoder->ctx != NULL ? decoder : NULL;
}

EVP_PKEY *
tls_key_decode(const EVP_PKEY *like, const unsigned char *der, size_t length)
{
    enum tls_kind kind = tls_kind_of(like);
    struct decoder *decoder =
        kind != TLS_KIND_COUNT ? find_decoder(kind) : NULL;
    EVP_PKEY *key;
    bool decoded;

    if (decoder == NULL)
        return NULL;
    decoder->key = NULL;
    decoded = OSSL_DECODER_from_data(decoder->ctx, &der, &length) == 1;
    key = decoder->key;
    decoder->key = NULL;
    if (decoded)
        return key;
    EVP_PKEY_free(key);
    return NULL;
}
