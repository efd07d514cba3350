/*
 * What OpenSSL would take from a peer in a handshake, and should not.
 */
#ifndef TLS_TLS_LIMITS_H
#define TLS_TLS_LIMITS_H

#include <openssl/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

enum { TLS_LIMITS_TEXT_SIZE = 128 };

/* For OpenSSL's message callback (SSL_set_msg_callback(3)), with each handshake
 * message that is read, and that OpenSSL is about to parse.  False: it has more
 * certificates than `verify_depth` allows; OpenSSL will refuse it as malformed,
 * and `text` has the reason. */
NODISCARD bool tls_limits_check(SSL *ssl, const void *message, size_t length,
    char text[TLS_LIMITS_TEXT_SIZE]);

/* False: the client's certificate makes a ticket too long, which is fatal. */
bool tls_limits_allow_ticket(const SSL *ssl);

/* True if that is what a handshake of TLS 1.2 has failed of: its first flight
 * promised the ticket (RFC 5077 3.3). */
bool tls_limits_broke_ticket(const SSL *ssl);

#endif
