#include "tls/tls_dates.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <stddef.h>

#include "base/error.h"
#include "tls/tls_certificate.h"
#include "tls/tls_context.h"

bool
tls_dates_are_good(
    const struct tls_context *context, const char *who, struct error *error)
{
    char name[TLS_NAME_SIZE], date[TLS_DATE_SIZE];
    SSL_CTX *ctx = context != NULL ? tls_context_ssl(context) : NULL;
    long more = ctx != NULL
        ? SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_FIRST)
        : 0;
    bool good = true;

    while (more == 1) {
        const X509 *cert = SSL_CTX_get0_certificate(ctx);
        const ASN1_TIME *end = X509_get0_notAfter(cert);

        if (X509_cmp_current_time(end) < 0) {
            good = false;
            error_add(error, "%s: certificate %s has expired on %s", who,
                tls_certificate_subject(cert, name),
                tls_certificate_date(end, date));
        }
        more = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_NEXT);
    }
    return good;
}
