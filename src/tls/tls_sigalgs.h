/*
 * Signature algorithms (RFC 8446 4.2.3): which ones a leg makes and takes, and
 * whether its certificates' keys can make any of them.
 */
#ifndef TLS_TLS_SIGALGS_H
#define TLS_TLS_SIGALGS_H

#include <openssl/types.h>

struct tls_load;

/* Sets the leg's list, if it has one.  A word that the library does not know is
 * named among the errors. */
void tls_sigalgs_load(const struct tls_load *load);

/* A fault if the certificate's key can make none of the signatures that the leg's
 * own list has, for any version that the leg speaks; a warning if one of the
 * versions is left out.  A list with words of which nothing is known here is not
 * judged. */
void tls_sigalgs_check(
    const struct tls_load *load, const char *path, const X509 *cert);

#endif
