/*
 * A leg's own certificates as its files hold them: each with its chain, and
 * its private key unless that is kept elsewhere.
 */
#ifndef TLS_TLS_CERTKEY_H
#define TLS_TLS_CERTKEY_H

#include <openssl/types.h>
#include <openssl/x509.h>

#include <stdbool.h>

#include "base/base.h"

struct tls_load;
struct tls_cert_path;
struct tls_shared_item;

/* All of it is borrowed. */
struct tls_certkey {
    const char *path;      /* of the certificate's file */
    X509 *leaf;
    STACK_OF(X509) *chain; /* without the leaf */
    EVP_PKEY *key;         /* the leaf's */
    bool tried;            /* for the caller to note that the key signs */
    struct tls_shared_item *item; /* has all of it, while it is referred to */
};

typedef void tls_certkey_see_fn(
    const struct tls_load *load, struct tls_certkey *pair, void *arg);

/* Reads each certificate of the leg, and calls `see` with those that nothing is
 * wrong with; faults are added to the errors.  With a signer (load->signer) no
 * file of a key or passphrase is asked for, and the keys are those of
 * tls_remote_key.h. */
void tls_pairs_load(
    const struct tls_load *load, tls_certkey_see_fn *see, void *arg);

/* One of them, whose faults are in its notes until it is used, as load->shared has it
 * or gets it now; with a reference for the caller.  With a signer only.  NULL: out
 * of memory. */
NODISCARD struct tls_shared_item *tls_certkey_get(
    const struct tls_load *load, const struct tls_cert_path *path);

/* A fault: this pair's key is of a kind that cannot be kept. */
void tls_certkey_fault_unkept(
    const struct tls_load *load, const struct tls_certkey *pair);

#endif
