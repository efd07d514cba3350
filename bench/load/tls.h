/*
 * The TLS contexts of both sides, and the sessions that clients resume.
 */
#ifndef LOAD_TLS_H
#define LOAD_TLS_H

#include <openssl/ssl.h>

#include <stdio.h>

struct options;

SSL_CTX *tls_client_context(const struct options *options);
SSL_CTX *tls_server_context(const struct options *options);

/* Lets the next handshake resume, if a session is kept. */
void tls_offer_session(SSL *ssl);

/* Counts a finished handshake. */
void tls_count(SSL *ssl);

/* Forgets what was counted, not the sessions. */
void tls_reset(void);

/* "client_tls":{...},"server_tls":{...}, what there is of it. */
void tls_print(FILE *out);

void tls_free_sessions(void);

#endif
