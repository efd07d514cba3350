/*
 * How long a session may be resumed: from the full handshake that it rests on,
 * however often it was renewed since, and never past the certificates and CRLs
 * that it rests on.
 *
 * Both times travel in the session's application data, and so in its ticket and
 * in every ticket that renews it: TLS 1.3 starts the clock of OpenSSL's own
 * timeout anew with each one.
 */
#ifndef TLS_TLS_SESSION_H
#define TLS_TLS_SESSION_H

#include <openssl/ssl.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

/* Writes them into the session of a handshake that was done in full: now, and
 * the earliest end among the peer's verified chain, the CRLs that it was checked
 * against and a server's own certificate.  A resumed session has inherited
 * them. */
void tls_session_stamp(SSL *ssl, SSL_SESSION *session);

/* The same with these times, in seconds of time(2); `ends` INT64_MAX: nothing
 * bounds it. */
void tls_session_set(SSL_SESSION *session, int64_t began, int64_t ends);

/* The line of the rules that let the peer in (tls_verify_line()), in the handshake
 * that the session rests on.  The policy that the session belongs to has the rules
 * in it.  0: none. */
size_t tls_session_line(const SSL_SESSION *session);

/* The number of seconds that `session` may be resumed for from `now` (of
 * time(2)), with a lifetime of as many seconds; 0: no more. */
NODISCARD int64_t tls_session_remaining(
    const SSL_SESSION *session, int64_t now, int64_t lifetime);

/* True if the session may be resumed by a connection of `ctx`, now. */
NODISCARD bool tls_session_is_alive(
    const SSL_SESSION *session, const SSL_CTX *ctx);

/* Has connections of `ctx` seal and open tickets by these rules.  False: out of
 * memory. */
NODISCARD bool tls_session_install(SSL_CTX *ctx, uint64_t lifetime_ms);

#endif
