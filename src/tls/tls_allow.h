/*
 * Which verified peers may: the lines of `allow`, and certificates.
 */
#ifndef TLS_TLS_ALLOW_H
#define TLS_TLS_ALLOW_H

#include <openssl/types.h>
#include <openssl/x509.h>

#include <stdbool.h>

#include "base/base.h"

struct allow_rules;

/* Has each peer of the context judged by the rules, which must outlive it.  False:
 * out of memory. */
NODISCARD bool tls_allow_install(
    SSL_CTX *ctx, const struct allow_rules *rules);

/* The rules of the context; NULL: it has none, and every verified peer may. */
const struct allow_rules *tls_allow_rules(const SSL_CTX *ctx);

/* Whether all words of a line are true of the leaf of a verified chain, and of its
 * issuers where a word is about these.  False also without memory. */
bool tls_allow_judge(
    const struct allow_rules *rules, const STACK_OF(X509) *chain);

#endif
