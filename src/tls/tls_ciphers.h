/*
 * What a leg negotiates: versions, ciphers, groups and signature algorithms.
 */
#ifndef TLS_TLS_CIPHERS_H
#define TLS_TLS_CIPHERS_H

#include <openssl/types.h>

struct tls_load;

/* Sets what the leg says, and careful choices where it says nothing.  A list
 * that cannot be used in full is added to the errors: OpenSSL alone drops
 * words that it does not know, and with them what the operator meant. */
void tls_ciphers_load(const struct tls_load *load);

/* Takes what cannot be done with a key that only signs out of the list of `ctx`,
 * which is the leg's; a fault if nothing is left.  tls_ciphers_load() does so
 * where keys are kept elsewhere. */
void tls_ciphers_sign_only(const struct tls_load *load, SSL_CTX *ctx);

#endif
