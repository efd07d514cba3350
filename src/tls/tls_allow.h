/*
 * Which verified peers may: the lines of `allow`, and certificates.
 */
#ifndef TLS_TLS_ALLOW_H
#define TLS_TLS_ALLOW_H

#include <openssl/types.h>
#include <openssl/x509.h>

#include <stddef.h>

struct allow_rules;

/* The first line, from 1, of whose words all are true of the leaf of a verified
 * chain, and of its issuers where a word is about these; 0: there is none, or no
 * memory to tell. */
size_t tls_allow_judge(
    const struct allow_rules *rules, const STACK_OF(X509) *chain);

#endif
