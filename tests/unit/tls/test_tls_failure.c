#include "tls/tls_failure.h"

#include <criterion/criterion.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

static SSL *ssl;
static SSL_CTX *ctx;

static void
begin(void)
{
    ctx = SSL_CTX_new(TLS_method());
    ssl = SSL_new(ctx);
    cr_assert_not_null(ssl);
}

static void
end(void)
{
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

TestSuite(tls_failure, .init = begin, .fini = end);

struct row {
    bool server;        /* this side */
    bool established;
    enum protocol spoken;
    int reason;         /* of the library; 0: none */
    const char *text;
    enum tls_cause cause;
};

static const struct row rows[] = {
    { true, false, PROTOCOL_HTTP, SSL_R_HTTP_REQUEST,
        "the client speaks plain HTTP, not TLS",
        TLS_CAUSE_NOT_TLS },
    { false, false, PROTOCOL_SMTP, SSL_R_WRONG_VERSION_NUMBER,
        "the server speaks SMTP, not TLS",
        TLS_CAUSE_NOT_TLS },
    { true, false, PROTOCOL_OTHER, SSL_R_WRONG_VERSION_NUMBER,
        "the client does not speak TLS",
        TLS_CAUSE_NOT_TLS },
    { true, false, PROTOCOL_TLS, SSL_R_NO_SHARED_CIPHER,
        "no shared cipher",
        TLS_CAUSE_NO_SHARED_CIPHER },
    { true, false, PROTOCOL_TLS, SSL_R_TLSV1_ALERT_UNKNOWN_CA,
        "the client does not trust our certificate: it knows no CA that "
        "vouches for it (alert unknown_ca)",
        TLS_CAUSE_PEER_REJECTED_OURS },
    { true, true, PROTOCOL_TLS, SSL_R_TLSV1_ALERT_INTERNAL_ERROR,
        "the client met with an error of its own (alert internal_error)",
        TLS_CAUSE_PEER_FAILED },
    { false, false, PROTOCOL_TLS, SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE,
        "the server accepts none of what it was offered (alert "
        "handshake_failure)",
        TLS_CAUSE_NO_SHARED_CIPHER },
    { false, false, PROTOCOL_TLS, SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED,
        "the server wants a client certificate: name one with connect.cert "
        "(alert certificate_required)",
        TLS_CAUSE_PEER_WANTS_CERTIFICATE },
    { true, true, PROTOCOL_TLS, SSL_R_BAD_RECORD_TYPE, "bad record type",
        TLS_CAUSE_PROTOCOL_ERROR },
    { true, false, PROTOCOL_TLS, 0, "TLS failed",
        TLS_CAUSE_PROTOCOL_ERROR },
};

Test(tls_failure, says_which_side_told_what)
{
    char text[TLS_FAILURE_SIZE];
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];

        if (row->server)
            SSL_set_accept_state(ssl);
        else
            SSL_set_connect_state(ssl);
        if (row->reason != 0)
            ERR_raise(ERR_LIB_SSL, row->reason);
        cr_expect_eq(tls_failure_describe(
            ssl, row->spoken, row->established, text), row->cause, "%zu", i);
        cr_expect_str_eq(text, row->text);
        cr_expect_eq(ERR_peek_error(), 0);
    }
}
