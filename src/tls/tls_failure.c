#include "tls/tls_failure.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <stdio.h>

#include "tls/tls_alert.h"
#include "tls/tls_error.h"
#include "tls/tls_limits.h"
#include "tls/tls_verify.h"

#define HTTP_BODY "This port speaks TLS: use https://\n"

const char tls_failure_http_answer[] =
    "HTTP/1.1 400 Bad Request\r\n"
    "Content-Type: text/plain\r\n"
    "Content-Length: 35\r\n"
    "Connection: close\r\n"
    "\r\n" HTTP_BODY;

_Static_assert(sizeof(HTTP_BODY) - 1 == 35, "see Content-Length");

static const char *
peer_of(const SSL *ssl)
{
    return SSL_is_server(ssl) ? "client" : "server";
}

/* In TLS 1.2 a server that wants a certificate and gets none says only that it
 * accepts nothing. */
static bool
lacks_certificate(SSL *ssl, const struct tls_alert *alert)
{
    if (SSL_is_server(ssl) || SSL_get_certificate(ssl) != NULL)
        return false;
    return alert->number == SSL_AD_CERTIFICATE_REQUIRED ||
        SSL_get0_certificate_types(ssl, NULL) > 0;
}

/* Certificates that were not shown, since the server names other CAs. */
static bool
has_others(const SSL *ssl)
{
    return SSL_CTX_get0_certificate(SSL_get_SSL_CTX(ssl)) != NULL;
}

static enum tls_cause
describe_alert(SSL *ssl, const struct tls_alert *alert, char *text)
{
    bool lacks = lacks_certificate(ssl, alert);

    if (lacks && has_others(ssl))
        snprintf(text, TLS_FAILURE_SIZE, "the server wants a client "
            "certificate of another CA than those in connect.cert have (alert "
            "%s)", alert->name);
    else if (lacks)
        snprintf(text, TLS_FAILURE_SIZE, "the server wants a client "
            "certificate: name one with connect.cert (alert %s)", alert->name);
    else
        snprintf(text, TLS_FAILURE_SIZE, "the %s %s (alert %s)", peer_of(ssl),
            alert->words, alert->name);
    return lacks ? TLS_CAUSE_PEER_WANTS_CERTIFICATE
                 : tls_cause_of_error(ERR_peek_error());
}

static void
describe_protocol(const SSL *ssl, enum protocol spoken, char *text)
{
    const char *name = protocol_name(spoken);

    if (name != NULL)
        snprintf(text, TLS_FAILURE_SIZE, "the %s speaks %s, not TLS",
            peer_of(ssl), name);
    else
        snprintf(text, TLS_FAILURE_SIZE, "the %s does not speak TLS",
            peer_of(ssl));
}

/* What fails a handshake besides; the queue may say something else of it. */
static enum tls_cause
describe_handshake(SSL *ssl, enum protocol spoken, char *text)
{
    if (spoken != PROTOCOL_TLS) {
        describe_protocol(ssl, spoken, text);
        return TLS_CAUSE_NOT_TLS;
    }
    if (!tls_limits_broke_ticket(ssl))
        return TLS_CAUSE_NONE;
    snprintf(text, TLS_FAILURE_SIZE, "the certificate is too large for a "
        "ticket of TLS 1.2: session_tickets = no, or TLS 1.3, lets it in");
    return TLS_CAUSE_BAD_CERTIFICATE;
}

/* Of what is first in OpenSSL's queue. */
static enum tls_cause
describe_error(SSL *ssl, char *text)
{
    unsigned long code = ERR_peek_error();
    const struct tls_alert *alert = tls_alert_of_error(code);

    if (alert != NULL)
        return describe_alert(ssl, alert, text);
    if (*tls_error_reason(text, TLS_FAILURE_SIZE) == '\0')
        snprintf(text, TLS_FAILURE_SIZE, "TLS failed");
    return tls_cause_of_error(code);
}

enum tls_cause
tls_failure_describe(SSL *ssl, enum protocol spoken, bool established,
    char text[TLS_FAILURE_SIZE])
{
    enum tls_cause cause = tls_verify_failure(ssl, text, TLS_FAILURE_SIZE);

    if (cause == TLS_CAUSE_NONE && !established)
        cause = describe_handshake(ssl, spoken, text);
    if (cause == TLS_CAUSE_NONE)
        cause = describe_error(ssl, text);
    ERR_clear_error();
    return cause;
}
