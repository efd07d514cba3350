/*
 * A peer's certificate against the name that was asked for: matching, the words
 * that tell what was wrong, and those that tell whose it is.
 *
 * Input: the name, a NUL byte, the certificate in DER.
 */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tls/tls_certificate.h"
#include "tls/tls_identity.h"
#include "tls/tls_verify.h"
#include "tls/tls_verify_fault.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static SSL_CTX *client;

/* Whatever the certificate says, a line of log must be able to carry it. */
static void
must_be_plain(const char *text, size_t size)
{
    size_t length = strnlen(text, size);

    if (length == size || length == 0)
        abort();
    for (size_t i = 0; i < length; i++)
        if (text[i] < ' ' || text[i] > '~')
            abort();
}

/* The log escapes what is beyond ASCII. */
static void
must_have_no_control(const char *text, size_t size)
{
    size_t length = strnlen(text, size);

    if (length == size)
        abort();
    for (size_t i = 0; i < length; i++)
        if ((text[i] >= 0 && text[i] < ' ') || text[i] == 0x7f)
            abort();
}

static void
identify(const X509 *cert)
{
    struct tls_identity identity;

    tls_identity_read(cert, &identity);
    (void)!tls_certificate_has_names(cert);
    (void)!tls_certificate_offers_issuer(cert);
    must_have_no_control(identity.subject, sizeof(identity.subject));
    must_have_no_control(identity.names, sizeof(identity.names));
    must_be_plain(identity.serial, sizeof(identity.serial));
}

static void
describe(const X509 *cert)
{
    char name[TLS_NAME_SIZE], names[TLS_NAMES_SIZE], date[TLS_DATE_SIZE];

    must_be_plain(tls_certificate_subject(cert, name), sizeof(name));
    must_be_plain(tls_certificate_name(X509_get_issuer_name(cert), name),
        sizeof(name));
    must_be_plain(tls_certificate_names(cert, names), sizeof(names));
    must_be_plain(tls_certificate_date(X509_get0_notBefore(cert), date),
        sizeof(date));
    must_be_plain(tls_certificate_date(X509_get0_notAfter(cert), date),
        sizeof(date));
}

/* Goes on after each fault, so that all of them are put in words. */
static int
explain(int good, X509_STORE_CTX *store)
{
    char text[TLS_VERIFY_FAULT_SIZE];

    if (!tls_verify_judge(good, store)) {
        tls_verify_fault_explain(store, text);
        must_be_plain(text, sizeof(text));
    }
    return 1;
}

/* Trusts the certificate itself: the chain is good, and the name counts. */
static void
verify(X509 *cert, SSL *ssl)
{
    X509_STORE *trust = X509_STORE_new();
    X509_STORE_CTX *store = X509_STORE_CTX_new();

    if (trust == NULL || store == NULL)
        abort();
    X509_STORE_set_flags(trust, X509_V_FLAG_PARTIAL_CHAIN);
    if (X509_STORE_add_cert(trust, cert) == 1 &&
        X509_STORE_CTX_init(store, trust, cert, NULL) == 1) {
        X509_VERIFY_PARAM_set1(X509_STORE_CTX_get0_param(store),
            SSL_get0_param(ssl));
        X509_STORE_CTX_set_verify_cb(store, explain);
        X509_verify_cert(store);
    }
    X509_STORE_CTX_free(store);
    X509_STORE_free(trust);
}

static void
check(const char *name, const uint8_t *der, size_t length)
{
    X509 *cert = d2i_X509(NULL, &der, (long)length);
    SSL *ssl = SSL_new(client);

    if (ssl == NULL)
        abort();
    if (cert != NULL) {
        describe(cert);
        identify(cert);
        if (tls_verify_expect(ssl, name))
            verify(cert, ssl);
    }
    X509_free(cert);
    SSL_free(ssl);
    ERR_clear_error();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size == 0 ? NULL : memchr(data, '\0', size);
    size_t length;

    if (client == NULL)
        client = SSL_CTX_new(TLS_client_method());
    if (end == NULL)
        return 0;
    length = (size_t)(end - data) + 1;
    check((const char *)data, data + length, size - length);
    return 0;
}
