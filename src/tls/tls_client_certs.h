/*
 * The certificates of a connect leg, and which of them a server is shown.
 *
 * A server that asks for a certificate may say by which CAs it verifies one (RFC
 * 8446 4.2.4, RFC 5246 7.4.4).  Then it is shown the first that has such a CA among
 * the issuers of its chain, and a key for the server's signature algorithms; any
 * other server is shown the first with such a key.  If there is none it is shown
 * none: another one would be refused, and would tell a stranger about the client.
 */
#ifndef TLS_TLS_CLIENT_CERTS_H
#define TLS_TLS_CLIENT_CERTS_H

#include <openssl/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

struct tls_certkey;
struct tls_client_certs;

/* NULL: out of memory. */
NODISCARD struct tls_client_certs *tls_client_certs_new(void);
void tls_client_certs_free(struct tls_client_certs *certs);

/* Adds a certificate; what `pair` refers to must outlive the choice.  `listed`: it is
 * of a directory or pattern.  False: out of memory. */
NODISCARD bool tls_client_certs_add(struct tls_client_certs *certs,
    const struct tls_certkey *pair, bool listed);

/* Takes the certificates, and has the handshakes of `ctx` choose among them.  A
 * single one is shown to whatever server asks, as most clients do: not all servers
 * list every CA that they take.
 * False: out of memory, and they are freed. */
NODISCARD bool tls_client_certs_install(
    SSL_CTX *ctx, struct tls_client_certs *certs);

/* The certificates of a context, in the order of the configuration.  NULL: it has no
 * choice. */
const struct tls_client_certs *tls_client_certs_of(const SSL_CTX *ctx);
size_t tls_client_certs_count(const struct tls_client_certs *certs);
const struct tls_certkey *tls_client_certs_at(
    const struct tls_client_certs *certs, size_t index);
bool tls_client_certs_is_listed(
    const struct tls_client_certs *certs, size_t index);

#endif
