/*
 * Reads a set of trust (tls_trust_set.h) in steps: a certificate or CRL at a time,
 * so that a process that serves clients does so between two steps.
 */
#ifndef TLS_TLS_TRUST_READ_H
#define TLS_TLS_TRUST_READ_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <stdbool.h>

#include "base/base.h"
#include "config/config.h"
#include "tls/tls_anchors.h"
#include "tls/tls_notes.h"
#include "tls/tls_shared.h"

struct tls_load;
struct tls_trust_reading;

struct tls_trust_set {
    struct tls_shared_item item;
    struct strings ca, crl;         /* what the options say */
    bool accepts;
    struct tls_anchors anchors;
    STACK_OF(X509) *certs;          /* of all `ca` */
    STACK_OF(X509_CRL) *crls;       /* of all `crl` */
    struct strings crl_paths;       /* where each CRL is from */
    bool system;                    /* the system's store among them */
    unsigned char digest[EVP_MAX_MD_SIZE];  /* of all of them, in order */
    unsigned digest_length;
    struct tls_notes notes;         /* to be reported by each leg */
};

/* Reads the leg's `ca` and `crl` into `set`, which is empty; both, and what the
 * leg refers to, have to stay.  NULL: out of memory. */
NODISCARD struct tls_trust_reading *tls_trust_reading_new(
    const struct tls_load *load, struct tls_trust_set *set);

/* Finds the files that one option names, reads one certificate or CRL, or places
 * one certificate.  False: no step is left.  Faults and warnings go to the set's
 * notes. */
NODISCARD bool tls_trust_reading_step(struct tls_trust_reading *reading);

/* At any time; the set remains.  NULL is left as it is. */
void tls_trust_reading_free(struct tls_trust_reading *reading);

#endif
