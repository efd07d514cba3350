/*
 * The keys that seal session tickets, derived from one secret: every process
 * that knows it opens the tickets of the others, today and after a reload, but
 * only those of the same service under the same policy.
 */
#ifndef TLS_TLS_TICKETS_H
#define TLS_TLS_TICKETS_H

#include <openssl/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

struct error;

enum { TLS_SECRET_BYTES = 32 };

/* Made before the first fork, never written anywhere. */
struct tls_secret {
    unsigned char bytes[TLS_SECRET_BYTES];
};

/* False: there are no good random bytes; `error` says why. */
NODISCARD bool tls_secret_make(struct tls_secret *secret, struct error *error);

/* `id`: the session-id context, which names service and policy.  False: the
 * reason is in OpenSSL's queue. */
NODISCARD bool tls_tickets_seal(SSL_CTX *ctx, const struct tls_secret *secret,
    const unsigned char *id, size_t length);

#endif
