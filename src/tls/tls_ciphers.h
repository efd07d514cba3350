/*
 * What a leg negotiates: versions and ciphers, and with them groups
 * (tls_groups.h) and signature algorithms (tls_sigalgs.h).
 */
#ifndef TLS_TLS_CIPHERS_H
#define TLS_TLS_CIPHERS_H

#include <openssl/types.h>

struct tls_load;

/* Sets what the leg says, and careful choices where it says nothing.  A list
 * that cannot be used in full is added to the errors: OpenSSL alone drops
 * words that it does not know, and with them what the operator meant.
 *
 * No list brings in a cipher without a certificate or without encryption: such
 * words are warned of, and a list of nothing else is a fault.  A security level
 * below the library's own is warned of too. */
void tls_ciphers_load(const struct tls_load *load);

/* A fault if nothing is left of a listen leg's ciphers when the key only signs,
 * as it does in the keeper.  tls_ciphers_load() finds the same in contexts that
 * have a signer; the keeper's own start finds it before them. */
void tls_ciphers_check_keeper(const struct tls_load *load);

#endif
