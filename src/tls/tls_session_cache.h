/*
 * The sessions that one service may resume with one server: a few of the
 * newest, because a TLS 1.3 ticket is good for one connection only (RFC 8446
 * C.4).
 */
#ifndef TLS_TLS_SESSION_CACHE_H
#define TLS_TLS_SESSION_CACHE_H

#include <openssl/ssl.h>

#include "base/base.h"

struct tls_session_cache;

/* NULL: out of memory. */
NODISCARD struct tls_session_cache *tls_session_cache_new(void);
void tls_session_cache_free(struct tls_session_cache *resume);

/* Takes a reference of `session`, which came in `ssl`; the oldest makes room. */
void tls_session_cache_keep(struct tls_session_cache *resume, const SSL *ssl,
    SSL_SESSION *session);

/* Offers the newest usable session in `ssl`'s handshake, of those that came of a
 * server that was asked for by the same name (SNI): the certificate was verified
 * for that name. */
void tls_session_cache_offer(struct tls_session_cache *resume, SSL *ssl);

#endif
