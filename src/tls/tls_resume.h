/*
 * The sessions that one service may resume with one server: a few of the
 * newest, because a TLS 1.3 ticket is good for one connection only (RFC 8446
 * C.4).
 */
#ifndef TLS_TLS_RESUME_H
#define TLS_TLS_RESUME_H

#include <openssl/ssl.h>

#include "base/base.h"

struct tls_resume;

/* NULL: out of memory. */
NODISCARD struct tls_resume *tls_resume_new(void);
void tls_resume_free(struct tls_resume *resume);

/* Takes a reference of `session`; the oldest makes room. */
void tls_resume_keep(struct tls_resume *resume, SSL_SESSION *session);

/* Offers the newest usable session in `ssl`'s handshake. */
void tls_resume_offer(struct tls_resume *resume, SSL *ssl);

#endif
