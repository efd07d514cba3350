/*
 * The secret that the processes of one daemon share, and keys that are derived
 * from it.
 */
#ifndef TLS_TLS_SECRET_H
#define TLS_TLS_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

struct error;

enum { TLS_SECRET_BYTES = 32, TLS_PRINT_BYTES = 32 };

/* Made by the master, which gives it to workers and its successor alone; never
 * written to a file. */
struct tls_secret {
    unsigned char bytes[TLS_SECRET_BYTES];
};

/* What session tickets are sealed with and opened by: by the first one, and by any
 * of them. */
enum { TLS_TICKET_SECRETS_MAX = 2 };

struct tls_ticket_secrets {
    struct tls_secret items[TLS_TICKET_SECRETS_MAX];
    uint32_t count;   /* at least 1 */
    uint32_t version; /* another one whenever they change */
};

/* False: there are no good random bytes; `error` says why. */
NODISCARD bool tls_secret_make(struct tls_secret *secret, struct error *error);

/* HKDF (RFC 5869): `info` names the purpose, so that no other one gives the
 * same keys.  False: the reason is in OpenSSL's queue. */
NODISCARD bool tls_secret_derive(const struct tls_secret *secret,
    const void *info, size_t length, unsigned char *keys, size_t size);

/* A fingerprint that tells nothing without the secret, not even whether a
 * guess of the data is right: HMAC-SHA-256 (RFC 2104).  `arg` is the
 * struct tls_secret: a files_print_fn.  False: out of memory. */
NODISCARD bool tls_secret_print(void *arg, const void *data, size_t length,
    unsigned char print[TLS_PRINT_BYTES]);

#endif
