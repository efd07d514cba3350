/*
 * The keys that seal session tickets, derived from one secret: every process
 * that knows it opens the tickets of the others, today and after a reload, but
 * only those of the same service under the same policy.
 */
#ifndef TLS_TLS_TICKET_KEYS_H
#define TLS_TLS_TICKET_KEYS_H

#include <openssl/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

struct tls_secret;

/* `id`: the session-id context, which names service and policy.  False: the
 * reason is in OpenSSL's queue. */
NODISCARD bool tls_ticket_keys_seal(SSL_CTX *ctx,
    const struct tls_secret *secret, const unsigned char *id, size_t length);

#endif
