/*
 * A digest of all that TLS is made of: options as text, and what is in the
 * files that a leg names.
 */
#ifndef TLS_TLS_DIGEST_H
#define TLS_TLS_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

struct leg_config;
struct tls_digest;

enum { TLS_DIGEST_BYTES = 32 };

/* NULL: out of memory. */
NODISCARD struct tls_digest *tls_digest_new(void);

/* Lengths count too: "ab", "c" is not "a", "bc". */
void tls_digest_add(struct tls_digest *digest, const void *data, size_t length);
void tls_digest_add_text(struct tls_digest *digest, const char *text);

/* Every file and directory that the leg names, with its contents.  One that
 * cannot be read counts as just that. */
void tls_digest_add_files(
    struct tls_digest *digest, const struct leg_config *leg);

/* Frees it.  False: something above went wrong for lack of memory. */
NODISCARD bool tls_digest_end(
    struct tls_digest *digest, unsigned char out[TLS_DIGEST_BYTES]);

#endif
