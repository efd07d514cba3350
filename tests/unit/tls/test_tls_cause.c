#include "tls/tls_cause.h"

#include <criterion/criterion.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <string.h>

#include "base/metrics.h"

/* The metric that counts them has one cell for each, in this order. */
Test(tls_cause, has_the_words_of_its_metric)
{
    for (size_t i = 0; i < metrics_count(); i++) {
        const struct metric_label *label = &metrics_at(i)->labels[1];

        if (metrics_at(i)->first != METRIC_HANDSHAKE_CAUSES)
            continue;
        for (unsigned cause = 1; cause < TLS_CAUSE_COUNT; cause++)
            cr_expect_str_eq(
                tls_cause_name(cause), label->values[cause - 1]);
        cr_expect_null(label->values[TLS_CAUSE_COUNT - 1]);
    }
    cr_expect_null(tls_cause_name(TLS_CAUSE_NONE));
}

static const struct {
    int reason;
    enum tls_cause cause;
} errors[] = {
    { SSL_R_NO_SHARED_CIPHER, TLS_CAUSE_NO_SHARED_CIPHER },
    { SSL_R_UNSUPPORTED_PROTOCOL, TLS_CAUSE_PROTOCOL_VERSION },
    { SSL_R_NO_APPLICATION_PROTOCOL, TLS_CAUSE_BAD_ALPN },
    { SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, TLS_CAUSE_NO_CERTIFICATE },
    { SSL_R_BAD_PACKET, TLS_CAUSE_PROTOCOL_ERROR },
    { SSL_R_TLSV1_ALERT_UNKNOWN_CA, TLS_CAUSE_PEER_REJECTED_OURS },
    { SSL_R_TLSV1_UNRECOGNIZED_NAME, TLS_CAUSE_UNKNOWN_NAME },
    { SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, TLS_CAUSE_PROTOCOL_VERSION },
    { SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL, TLS_CAUSE_BAD_ALPN },
    { SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED,
        TLS_CAUSE_PEER_WANTS_CERTIFICATE },
    { SSL_R_TLSV1_ALERT_INTERNAL_ERROR, TLS_CAUSE_PEER_FAILED },
    { SSL_AD_REASON_OFFSET + 255, TLS_CAUSE_PEER_FAILED },
};

Test(tls_cause, knows_errors_and_alerts)
{
    for (size_t i = 0; i < COUNT(errors); i++)
        cr_expect_eq(
            tls_cause_of_error(ERR_PACK(ERR_LIB_SSL, 0, errors[i].reason)),
            errors[i].cause, "%zu", i);
    cr_expect_eq(tls_cause_of_error(ERR_PACK(ERR_LIB_EVP, 0,
        SSL_R_NO_SHARED_CIPHER)), TLS_CAUSE_PROTOCOL_ERROR);
    cr_expect_eq(tls_cause_of_error(0), TLS_CAUSE_PROTOCOL_ERROR);
}

static const struct {
    long result;
    enum tls_cause cause;
} verifications[] = {
    { X509_V_ERR_CERT_HAS_EXPIRED, TLS_CAUSE_EXPIRED },
    { X509_V_ERR_CERT_NOT_YET_VALID, TLS_CAUSE_NOT_YET_VALID },
    { X509_V_ERR_CERT_REVOKED, TLS_CAUSE_REVOKED },
    { X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, TLS_CAUSE_UNKNOWN_CA },
    { X509_V_ERR_CRL_HAS_EXPIRED, TLS_CAUSE_CRL_EXPIRED },
    { X509_V_ERR_UNABLE_TO_GET_CRL, TLS_CAUSE_CRL_UNUSABLE },
    { X509_V_ERR_HOSTNAME_MISMATCH, TLS_CAUSE_NAME_MISMATCH },
    { X509_V_ERR_INVALID_PURPOSE, TLS_CAUSE_PURPOSE },
    { X509_V_ERR_APPLICATION_VERIFICATION, TLS_CAUSE_NOT_ALLOWED },
    { X509_V_ERR_CERT_SIGNATURE_FAILURE, TLS_CAUSE_BAD_CERTIFICATE },
};

Test(tls_cause, knows_what_fails_a_verification)
{
    for (size_t i = 0; i < COUNT(verifications); i++)
        cr_expect_eq(tls_cause_of_verification(verifications[i].result),
            verifications[i].cause, "%zu", i);
}
