#include "tls/tls_session.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <string.h>
#include <time.h>

#include "tls/tls_cert_choice.h"
#include "tls/tls_certificate.h"
#include "tls/tls_ticket_keys.h"
#include "tls/tls_verify.h"

/* Between machines that open each other's tickets. */
enum { SKEW_S = 5 * 60 };

/* As it is in the application data.  A ticket is opened by the processes of
 * this daemon only. */
struct life {
    int64_t began;  /* seconds of time(2): the full handshake */
    int64_t ends;   /* of what the peer was verified by; INT64_MAX: nothing */
    int64_t line;   /* tls_verify_line() */
    struct tls_shown shown; /* by a server; zeros: it has no other */
};

static int64_t
earlier_end(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t
end_of(const X509 *cert)
{
    return tls_certificate_time(X509_get0_notAfter(cert));
}

/* What a server has shown a client goes by, too: the client that resumes does
 * not see it again. */
static int64_t
end_of_own(const SSL *ssl)
{
    const X509 *cert = SSL_is_server(ssl) ? SSL_get_certificate(ssl) : NULL;

    return cert != NULL ? end_of(cert) : INT64_MAX;
}

static int64_t
end_of_peer(const SSL *ssl)
{
    const STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
    int64_t ends = tls_verify_crl_end(ssl);

    if (SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE)
        return INT64_MAX;
    for (int i = 0; i < sk_X509_num(chain); i++)
        ends = earlier_end(ends, end_of(sk_X509_value(chain, i)));
    return ends;
}

static bool
read_life(const SSL_SESSION *session, struct life *life)
{
    void *data = NULL;
    size_t length = 0;

    /* Only returns what is there; the parameter lacks a const. */
    if (SSL_SESSION_get0_ticket_appdata(
            (SSL_SESSION *)session, &data, &length) != 1 ||
        data == NULL || length != sizeof(*life))
        return false;
    memcpy(life, data, sizeof(*life));
    return true;
}

/* Without memory the session stays without a life, and is not resumed. */
static void
write_life(SSL_SESSION *session, const struct life *life)
{
    if (SSL_SESSION_set1_ticket_appdata(session, life, sizeof(*life)) != 1)
        ERR_clear_error();
}

void
tls_session_set(SSL_SESSION *session, int64_t began, int64_t ends)
{
    write_life(session, &(struct life){ .began = began, .ends = ends });
}

void
tls_session_stamp(SSL *ssl, SSL_SESSION *session)
{
    struct life life = { .began = time(NULL) };

    if (session == NULL || SSL_session_reused(ssl))
        return;
    life.ends = earlier_end(end_of_own(ssl), end_of_peer(ssl));
    life.line = (int64_t)tls_verify_line(ssl);
    if (SSL_is_server(ssl))
        tls_cert_choice_shown(ssl, &life.shown);
    write_life(session, &life);
}

size_t
tls_session_line(const SSL_SESSION *session)
{
    struct life life;

    return session != NULL && read_life(session, &life) ? (size_t)life.line : 0;
}

int64_t
tls_session_remaining(
    const SSL_SESSION *session, int64_t now, int64_t lifetime)
{
    struct life life;
    int64_t left;

    /* A clock that was set back tells nothing about how old a session is; that of
     * another machine, which made the ticket, may be a little ahead. */
    if (!read_life(session, &life) || now < life.began - SKEW_S)
        return 0;
    if (now < life.began)
        now = life.began;
    left = earlier_end(life.began + lifetime, life.ends) - now;
    return left > 0 ? left : 0;
}

bool
tls_session_is_alive(const SSL_SESSION *session, const SSL_CTX *ctx)
{
    return tls_session_remaining(
        session, time(NULL), SSL_CTX_get_timeout(ctx)) > 0;
}

/* SSL_CTX_generate_session_ticket_fn: before each ticket is made, the first one
 * of TLS 1.2 within the handshake.  0 would end the connection. */
static int
on_seal(SSL *ssl, void *arg)
{
    SSL_SESSION *session = SSL_get_session(ssl);
    SSL_CTX *ctx = SSL_get_SSL_CTX(ssl);
    int64_t now = time(NULL), left;
    struct life life;

    (void)arg;
    if (!read_life(session, &life))
        tls_session_stamp(ssl, session);
    left = earlier_end(
        tls_session_remaining(session, now, SSL_CTX_get_timeout(ctx)),
        tls_ticket_keys_left(ctx, now));
    /* The ticket's lifetime hint (RFC 8446 4.6.1); OpenSSL fails with 0. */
    SSL_SESSION_set_timeout(session, left > 0 ? (long)left : 1);
    return 1;
}

/* A client that resumes takes the server for the one whose certificate it saw. */
static bool
is_for_name(SSL *ssl, const SSL_SESSION *session)
{
    struct life life;

    return read_life(session, &life) &&
        tls_cert_choice_allows(ssl, session, &life.shown);
}

/* SSL_CTX_decrypt_session_ticket_fn: whatever the ticket is, the handshake goes
 * on, and the client that lost its session gets another one. */
static SSL_TICKET_RETURN
on_open(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
    size_t length, SSL_TICKET_STATUS status, void *arg)
{
    bool opened =
        status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW;

    (void)name, (void)length, (void)arg;
    if (!opened || !tls_session_is_alive(session, SSL_get_SSL_CTX(ssl)) ||
        !is_for_name(ssl, session))
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE
                                        : SSL_TICKET_RETURN_USE_RENEW;
}

bool
tls_session_install(SSL_CTX *ctx, uint64_t lifetime_ms)
{
    SSL_CTX_set_timeout(ctx, (long)(lifetime_ms / 1000));
    return SSL_CTX_set_session_ticket_cb(ctx, on_seal, on_open, NULL) == 1;
}
