/*
 * Looks at what a client sends before OpenSSL does: a ClientHello that says it is
 * larger than any honest one is refused by its first bytes, before memory is
 * taken for it.
 *
 * Knows records (RFC 8446 5.1) and the header of a handshake message (4), and
 * nothing behind it.  Bytes may come in any pieces, and the header in any number
 * of records.
 */
#ifndef TLS_TLS_HELLO_H
#define TLS_TLS_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

/* A hello with post-quantum keys and many protocols has a few KiB; OpenSSL would
 * take 128. */
enum { TLS_HELLO_BYTES_MAX = 32 << 10 };

/* Zero-initialise: the first bytes are those of a connection. */
struct tls_hello {
    uint8_t record[5];
    uint8_t record_have;  /* of the record's header */
    uint8_t message[4];
    uint8_t message_have; /* of the message's header */
    uint16_t left;        /* of the record's contents */
    bool began;
    bool blind;           /* no TLS, or the hello of SSL 2: OpenSSL judges it */
};

/* Goes on with the next bytes.  False: a ClientHello that is too large; its size
 * is tls_hello_bytes(). */
NODISCARD bool tls_hello_look(
    struct tls_hello *hello, const uint8_t *data, size_t size);

/* The client is to send another one (HelloRetryRequest, RFC 8446 4.1.4). */
void tls_hello_again(struct tls_hello *hello);

/* The size that the message's header says; 0: it is not there yet. */
uint32_t tls_hello_bytes(const struct tls_hello *hello);

/* True if a handshake message, header included, is a HelloRetryRequest. */
bool tls_hello_is_retry(const uint8_t *message, size_t size);

#endif
