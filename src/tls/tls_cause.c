#include "tls/tls_cause.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

const char *
tls_cause_name(enum tls_cause cause)
{
    static const char *const names[] = {
        [TLS_CAUSE_NONE] = NULL,
        [TLS_CAUSE_CLOSED_BEFORE_HELLO] = "closed-before-hello",
        [TLS_CAUSE_CLOSED] = "closed",
        [TLS_CAUSE_TIMEOUT] = "timeout",
        [TLS_CAUSE_NOT_TLS] = "not-tls",
        [TLS_CAUSE_PROTOCOL_VERSION] = "protocol-version",
        [TLS_CAUSE_NO_SHARED_CIPHER] = "no-shared-cipher",
        [TLS_CAUSE_BAD_ALPN] = "bad-alpn",
        [TLS_CAUSE_UNKNOWN_NAME] = "unknown-name",
        [TLS_CAUSE_PROTOCOL_ERROR] = "protocol-error",
        [TLS_CAUSE_NO_CERTIFICATE] = "no-certificate",
        [TLS_CAUSE_UNKNOWN_CA] = "unknown-ca",
        [TLS_CAUSE_EXPIRED] = "expired",
        [TLS_CAUSE_NOT_YET_VALID] = "not-yet-valid",
        [TLS_CAUSE_REVOKED] = "revoked",
        [TLS_CAUSE_CRL_EXPIRED] = "crl-expired",
        [TLS_CAUSE_CRL_UNUSABLE] = "crl-unusable",
        [TLS_CAUSE_NAME_MISMATCH] = "name-mismatch",
        [TLS_CAUSE_PURPOSE] = "purpose",
        [TLS_CAUSE_NOT_ALLOWED] = "not-allowed",
        [TLS_CAUSE_BAD_CERTIFICATE] = "bad-certificate",
        [TLS_CAUSE_PEER_REJECTED_OURS] = "peer-rejected-ours",
        [TLS_CAUSE_PEER_WANTS_CERTIFICATE] = "peer-wants-certificate",
        [TLS_CAUSE_PEER_FAILED] = "peer-failed",
        [TLS_CAUSE_NO_SIGNATURE] = "no-signature",
    };

    _Static_assert(COUNT(names) == TLS_CAUSE_COUNT, "each has a name");
    return names[cause];
}

struct cause_row {
    long code;
    enum tls_cause cause;
};

/* False: it has no row there. */
static bool
find_cause(const struct cause_row *rows, size_t count, long code,
    enum tls_cause *cause)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i].code == code) {
            *cause = rows[i].cause;
            return true;
        }
    return false;
}

/* By RFC 8446 6 and RFC 5246 7.2. */
static const struct cause_row alerts[] = {
    { SSL_AD_HANDSHAKE_FAILURE, TLS_CAUSE_NO_SHARED_CIPHER },
    { SSL_AD_INSUFFICIENT_SECURITY, TLS_CAUSE_NO_SHARED_CIPHER },
    { SSL3_AD_NO_CERTIFICATE, TLS_CAUSE_NO_CERTIFICATE },
    { SSL_AD_BAD_CERTIFICATE, TLS_CAUSE_PEER_REJECTED_OURS },
    { SSL_AD_UNSUPPORTED_CERTIFICATE, TLS_CAUSE_PEER_REJECTED_OURS },
    { SSL_AD_CERTIFICATE_REVOKED, TLS_CAUSE_PEER_REJECTED_OURS },
    { SSL_AD_CERTIFICATE_EXPIRED, TLS_CAUSE_PEER_REJECTED_OURS },
    { SSL_AD_CERTIFICATE_UNKNOWN, TLS_CAUSE_PEER_REJECTED_OURS },
    { SSL_AD_UNKNOWN_CA, TLS_CAUSE_PEER_REJECTED_OURS },
    { SSL_AD_ACCESS_DENIED, TLS_CAUSE_PEER_REJECTED_OURS },
    { SSL_AD_BAD_CERTIFICATE_STATUS_RESPONSE, TLS_CAUSE_PEER_REJECTED_OURS },
    { SSL_AD_BAD_CERTIFICATE_HASH_VALUE, TLS_CAUSE_PEER_REJECTED_OURS },
    { SSL_AD_PROTOCOL_VERSION, TLS_CAUSE_PROTOCOL_VERSION },
    { SSL_AD_INAPPROPRIATE_FALLBACK, TLS_CAUSE_PROTOCOL_VERSION },
    { SSL_AD_UNRECOGNIZED_NAME, TLS_CAUSE_UNKNOWN_NAME },
    { SSL_AD_NO_APPLICATION_PROTOCOL, TLS_CAUSE_BAD_ALPN },
    { SSL_AD_CERTIFICATE_REQUIRED, TLS_CAUSE_PEER_WANTS_CERTIFICATE },
};

/* What OpenSSL finds by itself. */
static const struct cause_row reasons[] = {
    { SSL_R_UNEXPECTED_EOF_WHILE_READING, TLS_CAUSE_CLOSED },
    { SSL_R_HTTP_REQUEST, TLS_CAUSE_NOT_TLS },
    { SSL_R_HTTPS_PROXY_REQUEST, TLS_CAUSE_NOT_TLS },
    { SSL_R_UNSUPPORTED_PROTOCOL, TLS_CAUSE_PROTOCOL_VERSION },
    { SSL_R_UNKNOWN_PROTOCOL, TLS_CAUSE_PROTOCOL_VERSION },
    { SSL_R_WRONG_SSL_VERSION, TLS_CAUSE_PROTOCOL_VERSION },
    { SSL_R_VERSION_TOO_LOW, TLS_CAUSE_PROTOCOL_VERSION },
    { SSL_R_VERSION_TOO_HIGH, TLS_CAUSE_PROTOCOL_VERSION },
    { SSL_R_INAPPROPRIATE_FALLBACK, TLS_CAUSE_PROTOCOL_VERSION },
    { SSL_R_NO_SHARED_CIPHER, TLS_CAUSE_NO_SHARED_CIPHER },
    { SSL_R_NO_SHARED_GROUPS, TLS_CAUSE_NO_SHARED_CIPHER },
    { SSL_R_NO_SUITABLE_GROUPS, TLS_CAUSE_NO_SHARED_CIPHER },
    { SSL_R_NO_SUITABLE_KEY_SHARE, TLS_CAUSE_NO_SHARED_CIPHER },
    { SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS, TLS_CAUSE_NO_SHARED_CIPHER },
    { SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM, TLS_CAUSE_NO_SHARED_CIPHER },
    { SSL_R_DH_KEY_TOO_SMALL, TLS_CAUSE_NO_SHARED_CIPHER },
    { SSL_R_NO_APPLICATION_PROTOCOL, TLS_CAUSE_BAD_ALPN },
    { SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, TLS_CAUSE_NO_CERTIFICATE },
    { SSL_R_EE_KEY_TOO_SMALL, TLS_CAUSE_BAD_CERTIFICATE },
    { SSL_R_CA_KEY_TOO_SMALL, TLS_CAUSE_BAD_CERTIFICATE },
    { SSL_R_CA_MD_TOO_WEAK, TLS_CAUSE_BAD_CERTIFICATE },
    { SSL_R_CERTIFICATE_VERIFY_FAILED, TLS_CAUSE_BAD_CERTIFICATE },
};

enum tls_cause
tls_cause_of_error(unsigned long code)
{
    long reason = ERR_GET_REASON(code);
    enum tls_cause cause = TLS_CAUSE_PROTOCOL_ERROR;

    if (ERR_GET_LIB(code) != ERR_LIB_SSL)
        return TLS_CAUSE_PROTOCOL_ERROR;
    if (reason > SSL_AD_REASON_OFFSET) {
        if (!find_cause(alerts, COUNT(alerts), reason - SSL_AD_REASON_OFFSET,
                &cause))
            cause = TLS_CAUSE_PEER_FAILED;
        return cause;
    }
    (void)find_cause(reasons, COUNT(reasons), reason, &cause);
    return cause;
}

static const struct cause_row verifications[] = {
    { X509_V_ERR_CERT_HAS_EXPIRED, TLS_CAUSE_EXPIRED },
    { X509_V_ERR_CERT_NOT_YET_VALID, TLS_CAUSE_NOT_YET_VALID },
    { X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, TLS_CAUSE_UNKNOWN_CA },
    { X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, TLS_CAUSE_UNKNOWN_CA },
    { X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, TLS_CAUSE_UNKNOWN_CA },
    { X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, TLS_CAUSE_UNKNOWN_CA },
    { X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, TLS_CAUSE_UNKNOWN_CA },
    { X509_V_ERR_CERT_UNTRUSTED, TLS_CAUSE_UNKNOWN_CA },
    { X509_V_ERR_CERT_REVOKED, TLS_CAUSE_REVOKED },
    { X509_V_ERR_CRL_HAS_EXPIRED, TLS_CAUSE_CRL_EXPIRED },
    { X509_V_ERR_UNABLE_TO_GET_CRL, TLS_CAUSE_CRL_UNUSABLE },
    { X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER, TLS_CAUSE_CRL_UNUSABLE },
    { X509_V_ERR_CRL_NOT_YET_VALID, TLS_CAUSE_CRL_UNUSABLE },
    { X509_V_ERR_CRL_SIGNATURE_FAILURE, TLS_CAUSE_CRL_UNUSABLE },
    { X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE, TLS_CAUSE_CRL_UNUSABLE },
    { X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD, TLS_CAUSE_CRL_UNUSABLE },
    { X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD, TLS_CAUSE_CRL_UNUSABLE },
    { X509_V_ERR_KEYUSAGE_NO_CRL_SIGN, TLS_CAUSE_CRL_UNUSABLE },
    { X509_V_ERR_DIFFERENT_CRL_SCOPE, TLS_CAUSE_CRL_UNUSABLE },
    { X509_V_ERR_CRL_PATH_VALIDATION_ERROR, TLS_CAUSE_CRL_UNUSABLE },
    { X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION, TLS_CAUSE_CRL_UNUSABLE },
    { X509_V_ERR_HOSTNAME_MISMATCH, TLS_CAUSE_NAME_MISMATCH },
    { X509_V_ERR_IP_ADDRESS_MISMATCH, TLS_CAUSE_NAME_MISMATCH },
    { X509_V_ERR_INVALID_PURPOSE, TLS_CAUSE_PURPOSE },
    { X509_V_ERR_APPLICATION_VERIFICATION, TLS_CAUSE_NOT_ALLOWED },
    { X509_V_ERR_DANE_NO_MATCH, TLS_CAUSE_NOT_ALLOWED }, /* pins */
};

enum tls_cause
tls_cause_of_verification(long result)
{
    enum tls_cause cause = TLS_CAUSE_BAD_CERTIFICATE;

    (void)find_cause(verifications, COUNT(verifications), result, &cause);
    return cause;
}
