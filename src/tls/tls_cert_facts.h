/*
 * What there is to tell of the certificates that a context shows to peers: what
 * they are called, and until when they hold.
 */
#ifndef TLS_TLS_CERT_FACTS_H
#define TLS_TLS_CERT_FACTS_H

#include <stdint.h>

#include "tls/tls_certificate.h"

struct tls_context;

enum { TLS_FINGERPRINT_BYTES = 32 };

struct tls_cert_facts {
    int64_t until;  /* seconds of time(2): the last of its validity */
    unsigned chain; /* certificates that are sent, the leaf included */
    unsigned char fingerprint[TLS_FINGERPRINT_BYTES]; /* SHA-256 of the leaf */
    char subject[TLS_NAME_SIZE]; /* tls_certificate_subject() */
    char names[TLS_NAMES_SIZE];  /* tls_certificate_names() */
};

/* Calls `see` for each certificate of the context with its own key, in the order
 * of OpenSSL.  NULL for a context has none. */
typedef void tls_cert_facts_fn(const struct tls_cert_facts *facts, void *arg);
void tls_cert_facts_each(
    const struct tls_context *context, tls_cert_facts_fn *see, void *arg);

#endif
