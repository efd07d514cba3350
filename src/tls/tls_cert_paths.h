/*
 * Which files the `cert` and `key` of a leg mean: a line may name a file, a
 * directory, or a pattern of glob(7).
 *
 * Only names decide, never what is in a file: a process without private keys finds
 * the same as one that has them.
 *
 * - A directory with a `tls.crt` is a secret of Kubernetes: that and `tls.key`.
 * - One with a `fullchain.pem` is certbot's: that and `privkey.pem`.
 * - Of any other directory it is every file that ends with .pem, .crt or .cer, but
 *   for ca.crt.
 * - The key of NAME.crt is NAME.key, or NAME.crt.key, if there is such a file beside
 *   it; otherwise it is in the certificate's file.
 */
#ifndef TLS_TLS_CERT_PATHS_H
#define TLS_TLS_CERT_PATHS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

struct files;
struct leg_config;

struct tls_cert_path {
    char *cert;
    char *key;   /* NULL: in the certificate's file */
    size_t line; /* of the leg's `cert` */
    bool listed; /* of a directory or a pattern, which a bad file does not spoil */
};

/* Zero-initialise before use. */
struct tls_cert_paths {
    struct tls_cert_path *items; /* in the order of lines, and of names */
    size_t count, size;
};

/* Whether a line may name several files, and a listing says which. */
bool tls_cert_paths_is_pattern(const char *line);

/* Adds all files of the leg, also those that are left out (files_is_left_out()).
 * A line for which nothing is found adds nothing; a file that is not there is
 * found.  False: out of memory. */
NODISCARD bool tls_cert_paths_find(struct files *files,
    const struct leg_config *leg, struct tls_cert_paths *paths);

/* Empties them. */
void tls_cert_paths_clear(struct tls_cert_paths *paths);

#endif
