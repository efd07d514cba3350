/*
 * Why TLS with a peer failed, in words for the log: which side said what, and
 * what to write where a line of the configuration is the remedy.
 */
#ifndef TLS_TLS_FAILURE_H
#define TLS_TLS_FAILURE_H

#include <openssl/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "proto/protocol.h"
#include "tls/tls_cause.h"

enum { TLS_FAILURE_SIZE = 512 };

/* After a call into OpenSSL that has failed: describes the most telling cause,
 * returns its word, and empties OpenSSL's error queue.  `spoken` is the protocol
 * of the peer's first bytes, `established` whether the handshake was done. */
enum tls_cause tls_failure_describe(SSL *ssl, enum protocol spoken, bool established,
    char text[TLS_FAILURE_SIZE]);

/* The answer to a plain HTTP request, which browsers and curl show; whole, and
 * terminated by NUL. */
extern const char tls_failure_http_answer[];

#endif
