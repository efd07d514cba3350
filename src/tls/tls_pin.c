#include "tls/tls_pin.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <stddef.h>
#include <string.h>

#include "base/strings.h"

enum { DIGEST_BYTES = 32 };

#define PREFIX "sha256/"

const char *
tls_pin_of(const X509 *cert, char text[TLS_PIN_SIZE])
{
    unsigned char digest[DIGEST_BYTES], *der = NULL;
    int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
    size_t made = 0;

    text[0] = '\0';
    if (length > 0 && EVP_Q_digest(NULL, "SHA256", NULL, der, (size_t)length,
            digest, &made) == 1 && made == DIGEST_BYTES) {
        memcpy(text, PREFIX, sizeof(PREFIX));
        EVP_EncodeBlock((unsigned char *)text + strlen(PREFIX), digest,
            DIGEST_BYTES);
    }
    OPENSSL_free(der);
    return text;
}

bool
tls_pin_is_among(const struct strings *pins, const X509 *cert)
{
    char text[TLS_PIN_SIZE];
    bool found = false;

    tls_pin_of(cert, text);
    for (size_t i = 0; i < pins->count && !found; i++)
        found = strcmp(pins->items[i], text) == 0;
    ERR_clear_error();
    return found;
}
