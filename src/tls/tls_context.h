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
struct tls_load;
struct tls_ticket_secrets;
struct tls_shared;
struct tls_signer;

enum tls_role { TLS_ACCEPT, TLS_CONNECT };

struct tls_context;

/* What a process gives to all its contexts; each may be NULL. */
struct tls_resources {
    const struct tls_ticket_secrets *tickets; /* without it tickets open the context
                                        that sealed them only */
    struct tls_signer *signer; /* asked for signatures, and outlives the
                                  context; private keys are not loaded then */
    struct tls_shared *shared; /* has what other contexts loaded before */
};

/* Loads every file that the leg names and reports every fault in `error`
 * (file, what is wrong, what to do).  Warnings (an expired certificate, a
 * verification that is off) are logged.  NULL: at least one fault. */
NODISCARD struct tls_context *tls_context_new(
    const struct service_config *service, enum tls_role role,
    const struct tls_resources *resources, struct error *error);

/* In two steps: what loading begins with, which the caller may change, and the
 * rest of it. */
struct tls_load tls_context_load_of(const struct service_config *service,
    enum tls_role role, const struct tls_resources *resources,
    struct error *error);
NODISCARD struct tls_context *tls_context_load(
    struct tls_load *load, const struct tls_ticket_secrets *tickets);

/* One more reference, which goes back by tls_context_free() too.  Returns
 * `context`. */
struct tls_context *tls_context_ref(struct tls_context *context);

/* Connections must not outlive their context. */
void tls_context_free(struct tls_context *context);

/* The SSL_CTX, borrowed. */
SSL_CTX *tls_context_ssl(const struct tls_context *context);
/* The signer that makes signatures for handshakes; NULL: none is needed. */
struct tls_signer *tls_context_signer(const struct tls_context *context);
enum tls_role tls_context_role(const struct tls_context *context);

#endif
