/*
 * What there is to tell of the certificates that a context shows to peers: what
 * they are called, and until when they hold.
 */
#ifndef TLS_TLS_CERT_FACTS_H
#define TLS_TLS_CERT_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "tls/tls_certificate.h"

struct tls_context;

enum { TLS_FINGERPRINT_BYTES = 32 };

enum tls_cert_kind {
    TLS_CERT_LEAF,
    TLS_CERT_CRL, /* a revocation list, of which the issuer is the `subject` */
    TLS_CERT_KIND_COUNT,
};

struct tls_cert_facts {
    enum tls_cert_kind kind;
    int64_t begins; /* seconds of time(2); a list's date */
    int64_t until;  /* likewise: the last of its validity; a list's next one is
                     * due, 0: it does not say */
    bool listed;    /* of a directory or pattern: others go on without it */
    unsigned chain; /* certificates that are sent, the leaf included */
    unsigned char fingerprint[TLS_FINGERPRINT_BYTES]; /* SHA-256 of the leaf */
    char subject[TLS_NAME_SIZE]; /* tls_certificate_subject() */
    char issuer[TLS_NAME_SIZE];  /* tls_certificate_name(); "" for a list, as are
                                  * the others */
    char serial[TLS_SERIAL_SIZE]; /* tls_certificate_serial() */
    char key[TLS_KEY_SIZE];      /* tls_certificate_key() */
    char names[TLS_NAMES_SIZE];  /* tls_certificate_names() */
};

/* Calls `see` for each certificate of the context with its own key, in the order of
 * the configuration.  NULL for a context has none. */
typedef void tls_cert_facts_fn(const struct tls_cert_facts *facts, void *arg);
void tls_cert_facts_each(
    const struct tls_context *context, tls_cert_facts_fn *see, void *arg);

#endif
