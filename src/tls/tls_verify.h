/*
 * Verification of the peer's certificate: what is asked of it, and in words
 * what was wrong with it.
 */
#ifndef TLS_TLS_VERIFY_H
#define TLS_TLS_VERIFY_H

#include <openssl/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "tls/tls_cause.h"

/* To be called once for each connection on a connect leg: the name or address
 * that the server's certificate must carry in its SAN (RFC 6125; a numeric host
 * must match an IP SAN).  False: not a usable name. */
NODISCARD bool tls_verify_expect(SSL *ssl, const char *name);

/* After a failed handshake: which check failed (tls_verify_fault.h).
 * TLS_CAUSE_NONE: verification did not fail (text is then ""). */
enum tls_cause tls_verify_failure(const SSL *ssl, char *text, size_t size);

/* The earliest end among the CRLs that the peer's chain was checked against, in
 * seconds of time(2); INT64_MAX: none has one. */
int64_t tls_verify_crl_end(const SSL *ssl);

/* The line of the leg's rules (tls_admission.h), from 1, that let the peer in, in
 * this handshake; 0: none, or the session was resumed. */
size_t tls_verify_line(const SSL *ssl);

/* What of a peer of this leg is verified; TLS_VERIFIED_KEY: that its key is pinned,
 * and nothing that its certificate says. */
enum tls_verified { TLS_VERIFIED_NOT, TLS_VERIFIED_KEY, TLS_VERIFIED_CHAIN };
enum tls_verified tls_verify_extent(const SSL *ssl);

/* After a handshake, a resumed one too: false if its leg verifies and no
 * verified certificate of the peer is there (VERIFY_OPTIONAL: if there is one
 * that is not verified).  OpenSSL verifies what it is sent; ciphers that send
 * nothing are the way around. */
NODISCARD bool tls_verify_is_satisfied(const SSL *ssl);

/* Makes every connection of `ctx` verify its peer; `demand`: a server refuses
 * clients that send no certificate.  To the library's checks it adds that of
 * NUL bytes in names, and what tls_admission.h asks for; it needs no CRL that
 * speaks of the trust anchor. */
void tls_verify_install(SSL_CTX *ctx, bool demand);

/* The same with the pins of tls_admission.h in place of all other checks. */
void tls_verify_install_keys(SSL_CTX *ctx);

/* The library's verify callback that tls_verify_install() sets. */
int tls_verify_judge(int good, X509_STORE_CTX *store);

#endif
