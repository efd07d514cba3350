#include "tls/tls_verify_fault.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "base/escape.h"
#include "tls/tls_certificate.h"
#include "tls/tls_pin.h"

/* Adds what only this kind of fault has to say; begins with ", ". */
typedef void detail_fn(X509_STORE_CTX *store, char *text, size_t size);

static void
say_expired(X509_STORE_CTX *store, char *text, size_t size)
{
    X509 *cert = X509_STORE_CTX_get_current_cert(store);
    char date[TLS_DATE_SIZE];

    snprintf(text, size, ", expired %s",
        tls_certificate_date(X509_get0_notAfter(cert), date));
}

static void
say_begins(X509_STORE_CTX *store, char *text, size_t size)
{
    X509 *cert = X509_STORE_CTX_get_current_cert(store);
    char date[TLS_DATE_SIZE];

    snprintf(text, size, ", valid from %s",
        tls_certificate_date(X509_get0_notBefore(cert), date));
}

static void
say_issuer(X509_STORE_CTX *store, char *text, size_t size)
{
    X509 *cert = X509_STORE_CTX_get_current_cert(store);
    char name[TLS_NAME_SIZE];

    snprintf(text, size, ", issued by %s",
        tls_certificate_name(X509_get_issuer_name(cert), name));
}

static void
say_crl_expired(X509_STORE_CTX *store, char *text, size_t size)
{
    X509_CRL *crl = X509_STORE_CTX_get0_current_crl(store);
    char date[TLS_DATE_SIZE];

    if (crl != NULL)
        snprintf(text, size, ", the CRL expired %s",
            tls_certificate_date(X509_CRL_get0_nextUpdate(crl), date));
}

static void
say_crl_begins(X509_STORE_CTX *store, char *text, size_t size)
{
    X509_CRL *crl = X509_STORE_CTX_get0_current_crl(store);
    char date[TLS_DATE_SIZE];

    if (crl != NULL)
        snprintf(text, size, ", the CRL is dated %s",
            tls_certificate_date(X509_CRL_get0_lastUpdate(crl), date));
}

static void
say_names(X509_STORE_CTX *store, char *text, size_t size)
{
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(store);
    X509 *cert = X509_STORE_CTX_get_current_cert(store);
    const char *host = X509_VERIFY_PARAM_get0_host(param, 0);
    char *address = X509_VERIFY_PARAM_get1_ip_asc(param);
    char names[TLS_NAMES_SIZE], wanted[TLS_NAME_SIZE];

    if (host == NULL)
        host = address != NULL ? address : "the host that was expected";
    escape_bytes(wanted, sizeof(wanted), host, strlen(host), ESCAPE_MESSAGE);
    snprintf(text, size, ", not for %s but for %s", wanted,
        tls_certificate_names(cert, names));
    OPENSSL_free(address);
}

static void
say_own(X509_STORE_CTX *store, char *text, size_t size)
{
    X509 *cert = X509_STORE_CTX_get_current_cert(store);
    char names[TLS_NAMES_SIZE];

    snprintf(text, size, ", for %s", tls_certificate_names(cert, names));
}

static void
say_key(X509_STORE_CTX *store, char *text, size_t size)
{
    X509 *cert = X509_STORE_CTX_get_current_cert(store);
    char pin[TLS_PIN_SIZE];

    snprintf(text, size, ", with the key %s", tls_pin_of(cert, pin));
}

static void
say_purpose(X509_STORE_CTX *store, char *text, size_t size)
{
    const SSL *ssl = X509_STORE_CTX_get_ex_data(
        store, SSL_get_ex_data_X509_STORE_CTX_idx());

    if (ssl != NULL && SSL_is_server(ssl))
        snprintf(text, size, ", not meant for a TLS client; public CAs issue "
            "none that is since 2026, and listen.purpose = any lets it in");
    else
        snprintf(text, size, ", not meant for a TLS server; connect.purpose = "
            "any accepts it");
}

/* OpenSSL has words for the others. */
static const struct fault {
    int error;
    const char *words;
    detail_fn *detail;
} faults[] = {
    { X509_V_ERR_CERT_HAS_EXPIRED, "certificate has expired", say_expired },
    { X509_V_ERR_CERT_NOT_YET_VALID, "certificate is not yet valid",
        say_begins },
    { X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,
        "certificate was not issued by a trusted CA", say_issuer },
    { X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
        "certificate was not issued by a trusted CA", say_issuer },
    { X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE,
        "certificate was not issued by a trusted CA", say_issuer },
    { X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT,
        "self-signed certificate is not trusted", NULL },
    { X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
        "self-signed CA is not trusted", NULL },
    { X509_V_ERR_CERT_CHAIN_TOO_LONG,
        "certificate chain is longer than verify_depth allows", NULL },
    { X509_V_ERR_CERT_REVOKED, "certificate is revoked", say_issuer },
    { X509_V_ERR_UNABLE_TO_GET_CRL,
        "there is no CRL by the certificate's issuer", say_issuer },
    { X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER,
        "the CRL's own issuer is not among the trusted CAs", say_issuer },
    { X509_V_ERR_CRL_HAS_EXPIRED,
        "the CRL that tells whether the certificate is revoked has expired",
        say_crl_expired },
    { X509_V_ERR_CRL_NOT_YET_VALID,
        "the CRL that tells whether the certificate is revoked is dated ahead",
        say_crl_begins },
    { X509_V_ERR_INVALID_PURPOSE,
        "certificate may not be used for this purpose", say_purpose },
    { X509_V_ERR_HOSTNAME_MISMATCH, "certificate has the wrong host name",
        say_names },
    { X509_V_ERR_IP_ADDRESS_MISMATCH, "certificate has the wrong IP address",
        say_names },
    { X509_V_ERR_APPLICATION_VERIFICATION,
        "certificate is good, but no line of allow is true of it", say_own },
    { X509_V_ERR_DANE_NO_MATCH,
        "the key of the certificate is none that connect.pin names", say_key },
    { X509_V_ERR_UNSUPPORTED_NAME_SYNTAX,
        "certificate has a name that cannot be trusted", NULL },
};

static const struct fault *
find_fault(int error)
{
    for (size_t i = 0; i < COUNT(faults); i++) {
        if (faults[i].error == error)
            return &faults[i];
    }
    return NULL;
}

void
tls_verify_fault_explain(
    X509_STORE_CTX *store, char text[TLS_VERIFY_FAULT_SIZE])
{
    int error = X509_STORE_CTX_get_error(store);
    const struct fault *fault = find_fault(error);
    X509 *cert = X509_STORE_CTX_get_current_cert(store);
    char name[TLS_NAME_SIZE] = "no certificate";
    char detail[TLS_NAME_SIZE + TLS_NAMES_SIZE] = "";

    if (cert != NULL) {
        tls_certificate_subject(cert, name);
        if (fault != NULL && fault->detail != NULL)
            fault->detail(store, detail, sizeof(detail));
    }
    snprintf(text, TLS_VERIFY_FAULT_SIZE, "%s (%s, depth %d%s)",
        fault != NULL ? fault->words : X509_verify_cert_error_string(error),
        name, X509_STORE_CTX_get_error_depth(store), detail);
    ERR_clear_error();
}
