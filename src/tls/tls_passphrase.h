/*
 * The passphrases of a leg's encrypted keys: a file with one a line.
 */
#ifndef TLS_TLS_PASSPHRASE_H
#define TLS_TLS_PASSPHRASE_H

#include <openssl/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

struct tls_file;
struct tls_load;

/* All zero: none is configured. */
struct tls_passphrases {
    char *lines;    /* each with a NUL behind it; NULL: there is none */
    size_t size;    /* of `lines`, in bytes */
    size_t count;
    bool asked;     /* the key last read was found to be encrypted */
};

/* Reads the file that the leg names, if it names one.  Empty lines are skipped.
 * False: it is of no use; the reason is among the errors.  Either way the caller
 * ends with tls_passphrases_forget(), which wipes them. */
NODISCARD bool tls_passphrases_read(
    const struct tls_load *load, struct tls_passphrases *passphrases);
void tls_passphrases_forget(struct tls_passphrases *passphrases);

/* The first private key of a PEM file, which is decrypted, if it has to be, by the
 * first passphrase that opens it.  NULL: OpenSSL's queue says why, as for the last
 * one tried. */
NODISCARD EVP_PKEY *tls_passphrases_open_key(
    struct tls_passphrases *passphrases, const struct tls_file *file);

#endif
