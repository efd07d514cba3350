/*
 * A leg's own certificates as its files hold them: each with its chain, and
 * its private key unless that is kept elsewhere.
 */
#ifndef TLS_TLS_PAIR_H
#define TLS_TLS_PAIR_H

#include <openssl/types.h>
#include <openssl/x509.h>

#include "base/base.h"

struct tls_load;

/* All of it is borrowed. */
struct tls_pair {
    const char *path;      /* of the certificate's file */
    X509 *leaf;
    STACK_OF(X509) *chain; /* without the leaf */
    EVP_PKEY *key;         /* the leaf's */
};

typedef void tls_pair_see_fn(
    const struct tls_load *load, const struct tls_pair *pair, void *arg);

/* Reads each certificate of the leg, and calls `see` with those that nothing is
 * wrong with; faults are added to the errors.  With a signer (load->signer) no
 * file of a key or passphrase is asked for, and the keys are those of
 * tls_kept.h. */
void tls_pairs_load(
    const struct tls_load *load, tls_pair_see_fn *see, void *arg);

/* A fault: this pair's key is of a kind that cannot be kept. */
void tls_pair_fault_unkept(
    const struct tls_load *load, const struct tls_pair *pair);

#endif
