/*
 * What all connections of one leg share: an SSL_CTX made of the leg's
 * configuration (certificates, keys, trust, versions, ciphers, ALPN).
 */
#ifndef TLS_TLS_CONTEXT_H
#define TLS_TLS_CONTEXT_H

#include <openssl/types.h>

#include "base/base.h"

struct error;
struct service_config;
struct tls_secret;
struct tls_signer;

enum tls_role { TLS_ACCEPT, TLS_CONNECT };

struct tls_context;

/* Loads every file that the leg names and reports every fault in `error`
 * (file, what is wrong, what to do).  Warnings (an expired certificate, a
 * verification that is off) are logged.  `secret` NULL: tickets
 * open this context only.  With a `signer` private keys are not loaded: it is
 * asked for signatures, and outlives the context.  NULL: at least one fault. */
NODISCARD struct tls_context *tls_context_new(
    const struct service_config *service, enum tls_role role,
    const struct tls_secret *secret, struct tls_signer *signer,
    struct error *error);

/* Connections must not outlive their context. */
void tls_context_free(struct tls_context *context);

/* The SSL_CTX, borrowed. */
SSL_CTX *tls_context_ssl(const struct tls_context *context);
/* Whom handshakes have to ask for signatures; NULL: nobody. */
struct tls_signer *tls_context_signer(const struct tls_context *context);
enum tls_role tls_context_role(const struct tls_context *context);

#endif
