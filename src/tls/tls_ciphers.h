/*
 * What a leg negotiates: versions, ciphers, groups and signature algorithms.
 */
#ifndef TLS_TLS_CIPHERS_H
#define TLS_TLS_CIPHERS_H

struct tls_load;

/* Sets what the leg says, and careful choices where it says nothing.  A list
 * that cannot be used in full is added to the errors: OpenSSL alone drops
 * words that it does not know, and with them what the operator meant. */
void tls_ciphers_load(const struct tls_load *load);

#endif
