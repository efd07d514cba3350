/*
 * The keys that seal session tickets (RFC 5077, 4), derived from a secret and the
 * clock: every process that knows the secret opens the tickets of the others,
 * after a reload too, but only those of the same service under the same policy.
 *
 * A key seals for an hour of UTC.  Tickets of the hour before and of the next one
 * are opened as well: clocks of several machines may differ.
 */
#ifndef TLS_TLS_TICKET_KEYS_H
#define TLS_TLS_TICKET_KEYS_H

#include <openssl/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

struct tls_ticket_secrets;

/* From now on the context's tickets are sealed and opened with keys of `secrets`,
 * which must outlive it and may change (tls_secret.h).  `id`: the session-id
 * context, which names service and policy.  False: out of memory, or the id is
 * longer than a digest. */
NODISCARD bool tls_ticket_keys_use(SSL_CTX *ctx,
    const struct tls_ticket_secrets *secrets, const unsigned char *id,
    size_t length);

/* The id that the context's keys are for, of `*length` bytes, borrowed from it.
 * NULL: it has its keys of OpenSSL. */
const unsigned char *tls_ticket_keys_id(SSL_CTX *ctx, size_t *length);

/* How many seconds a ticket can be opened that such a context seals at `now`, in
 * seconds of time(2).  INT64_MAX: the context has its keys of OpenSSL. */
int64_t tls_ticket_keys_left(SSL_CTX *ctx, int64_t now);

#endif
