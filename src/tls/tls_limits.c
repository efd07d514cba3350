#include "tls/tls_limits.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "tls/tls_cert_list.h"

enum {
    /* Behind the header: what says how long the list is, and in TLS 1.3 the
     * context, in front of it. */
    LIST_AT = 4, LIST_LENGTH = 4,
    /* A ticket's length has two bytes, and a session is little more than the
     * peer's certificate. */
    TICKET_CERT_BYTES_MAX = 60 << 10,
};

/* OpenSSL has no callback that may refuse a message before it is parsed.  This is
 * its own buffer, and what is no length fails at once. */
static void
spoil_list(const void *message)
{
    memset((uint8_t *)message + LIST_AT, 0xff, LIST_LENGTH);
}

bool
tls_limits_check(SSL *ssl, const void *message, size_t length,
    char text[TLS_LIMITS_TEXT_SIZE])
{
    const uint8_t *data = message;
    int depth = SSL_get_verify_depth(ssl);
    unsigned most = tls_cert_list_most(depth > 0 ? (unsigned)depth : 0);
    unsigned count;

    if (length < LIST_AT + LIST_LENGTH || data[0] != TLS_CERT_LIST_MESSAGE)
        return true;
    count = tls_cert_list_count(
        data, length, SSL_version(ssl) == TLS1_3_VERSION);
    if (count <= most)
        return true;
    spoil_list(message);
    snprintf(text, TLS_LIMITS_TEXT_SIZE, "the peer sent %u certificates; "
        "verify_depth has at most %u taken", count, most);
    return false;
}

bool
tls_limits_allow_ticket(const SSL *ssl)
{
    X509 *cert = SSL_get0_peer_certificate(ssl);

    return cert == NULL || i2d_X509(cert, NULL) <= TICKET_CERT_BYTES_MAX;
}

bool
tls_limits_broke_ticket(const SSL *ssl)
{
    return SSL_is_server(ssl) && SSL_version(ssl) < TLS1_3_VERSION &&
        SSL_get_verify_result(ssl) == X509_V_OK &&
        !tls_limits_allow_ticket(ssl);
}
