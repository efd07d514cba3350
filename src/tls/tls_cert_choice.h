/*
 * The certificates of a listen leg, and which of them a client is shown.
 *
 * The name that the client asks for decides: a certificate that has it comes
 * before one with a wildcard for it, of these one that the client can verify, and
 * of these one that is in date.  A client without a name, or with one that no
 * certificate has, gets the first certificate of the leg, or another one of the
 * same names.
 *
 * A choice is made for an SSL object; its SSL_CTX, and with it all that says which
 * sessions may be resumed, stays that of the service.
 */
#ifndef TLS_TLS_CERT_CHOICE_H
#define TLS_TLS_CERT_CHOICE_H

#include <openssl/ssl.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

struct tls_cert_choice;
struct tls_certkey;

/* What a session keeps of the certificate that was shown. */
enum { TLS_SHOWN_BYTES = 16 };

struct tls_shown {
    unsigned char digest[TLS_SHOWN_BYTES];
};

/* `refuses`: a client that asks for a name that no certificate has gets the alert
 * unrecognized_name (RFC 6066 3).  NULL: out of memory. */
NODISCARD struct tls_cert_choice *tls_cert_choice_new(bool refuses);
void tls_cert_choice_free(struct tls_cert_choice *choice);

/* Adds a certificate, which must outlive the choice; `listed`: of a directory or
 * pattern.  False: out of memory. */
NODISCARD bool tls_cert_choice_add(struct tls_cert_choice *choice,
    const struct tls_certkey *pair, bool listed);

size_t tls_cert_choice_count(const struct tls_cert_choice *choice);
const struct tls_certkey *tls_cert_choice_at(
    const struct tls_cert_choice *choice, size_t index);
bool tls_cert_choice_is_listed(
    const struct tls_cert_choice *choice, size_t index);

/* Takes the choice, to which all certificates have been added, and has the
 * handshakes of `ctx` go by it.  False: out of memory, and it is freed. */
NODISCARD bool tls_cert_choice_install(
    SSL_CTX *ctx, struct tls_cert_choice *choice);

/* That of an SSL_CTX; NULL: it has none. */
const struct tls_cert_choice *tls_cert_choice_of(const SSL_CTX *ctx);

/* Of the certificate that a server has shown; zeros where there is no choice. */
void tls_cert_choice_shown(const SSL *ssl, struct tls_shown *shown);

/* While a ClientHello is read: whether the session is good for the name that it asks
 * for.  The certificate that was shown must be one that this client could be shown,
 * and until TLS 1.2 the name the session's own (RFC 6066 3). */
NODISCARD bool tls_cert_choice_allows(
    SSL *ssl, const SSL_SESSION *session, const struct tls_shown *shown);

#endif
