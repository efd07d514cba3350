#include "tls/tls_pem_slip.h"

#include <criterion/criterion.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>
#include <openssl/x509.h>

#include <string.h>

#define BODY "MIIB\n"
#define BLOCK(label) "-----BEGIN " label "-----\n" BODY "-----END " label "-----\n"

struct row {
    enum tls_pem_wanted wanted;
    const char *text;
    const char *words; /* a part of what is said; NULL: nothing */
};

static const struct row rows[] = {
    { TLS_PEM_CERTIFICATE, "", "is empty" },
    { TLS_PEM_CERTIFICATE, " \r\n\n", "is empty" },
    { TLS_PEM_PRIVATE_KEY, "\xef\xbb\xbf" BLOCK("PRIVATE KEY"),
        "byte order mark" },
    { TLS_PEM_CERTIFICATE, "\xff\xfe-", "UTF-16" },
    { TLS_PEM_CERTIFICATE, "\xfe\xed\xfe\xed..", "Java key store" },
    { TLS_PEM_CERTIFICATE, "  -----BEGIN CERTIFICATE-----\n  MIIB\n",
        "indented" },
    { TLS_PEM_CERTIFICATE, "\t-----BEGIN CERTIFICATE-----\n\tMIIB\n",
        "indented" },
    { TLS_PEM_CERTIFICATE, "\"" BLOCK("CERTIFICATE") "\"", "quotes" },
    { TLS_PEM_CERTIFICATE, "cert: " BLOCK("CERTIFICATE"), "before -----BEGIN" },
    { TLS_PEM_CERTIFICATE,
        "-----BEGIN CERTIFICATE-----\\nMIIB\\n-----END CERTIFICATE-----\\n",
        "two characters \\n" },
    { TLS_PEM_CERTIFICATE,
        "-----BEGIN CERTIFICATE-----\\nMIIB\\n-----END CERTIFICATE-----\\n\n",
        "two characters \\n" },
    { TLS_PEM_CERTIFICATE,
        "-----BEGIN CERTIFICATE-----\rMIIB\r-----END CERTIFICATE-----\r",
        "carriage returns" },
    { TLS_PEM_CERTIFICATE,
        "-----BEGIN CERTIFICATE----- MIIB -----END CERTIFICATE-----",
        "on one line" },
    { TLS_PEM_CERTIFICATE, "-----BEGIN CERTIFICATE-----\nMIIB\n"
        "-----END CERTIFICATE----------BEGIN PRIVATE KEY-----\n",
        "joined on the same line" },
    { TLS_PEM_CERTIFICATE, "-----BEGIN CERTIFICATE-----\nMIIB\n", "cut off" },
    { TLS_PEM_CERTIFICATE,
        BLOCK("CERTIFICATE") "-----BEGIN CERTIFICATE-----\nMIIB\n", "cut off" },
    { TLS_PEM_CERTIFICATE, BLOCK("CERTIFICATE REQUEST"), "signing request" },
    { TLS_PEM_CERTIFICATE, BLOCK("NEW CERTIFICATE REQUEST"),
        "signing request" },
    { TLS_PEM_CERTIFICATE, BLOCK("PKCS7"), "PKCS#7" },
    { TLS_PEM_CERTIFICATE, BLOCK("RSA PRIVATE KEY"),
        "a private key and no certificate" },
    { TLS_PEM_CERTIFICATE, BLOCK("PUBLIC KEY"), "a public key" },
    { TLS_PEM_CERTIFICATE, BLOCK("X509 CRL"), "a revocation list" },
    { TLS_PEM_PRIVATE_KEY, BLOCK("CERTIFICATE"),
        "a certificate and no private key" },
    { TLS_PEM_PRIVATE_KEY, BLOCK("OPENSSH PRIVATE KEY"), "OpenSSH" },
    { TLS_PEM_PRIVATE_KEY, BLOCK("EC PARAMETERS"), "parameters only" },
    { TLS_PEM_PRIVATE_KEY, "ssh-ed25519 AAAA me@here\n", "OpenSSH" },
    /* In order, as far as can be seen here: the library knows more. */
    { TLS_PEM_CERTIFICATE, BLOCK("CERTIFICATE"), NULL },
    { TLS_PEM_CERTIFICATE, BLOCK("TRUSTED CERTIFICATE"), NULL },
    { TLS_PEM_CERTIFICATE, "text\n" BLOCK("CERTIFICATE") BLOCK("PRIVATE KEY"),
        NULL },
    { TLS_PEM_PRIVATE_KEY, BLOCK("EC PARAMETERS") BLOCK("EC PRIVATE KEY"),
        NULL },
    { TLS_PEM_PRIVATE_KEY, BLOCK("CERTIFICATE") BLOCK("PRIVATE KEY"), NULL },
    { TLS_PEM_CERTIFICATE, "hello\n", NULL },
};

static void
expect_words(const char *said, const char *words, const char *what)
{
    if (words == NULL)
        cr_expect_null(said, "%s: %s", what, said);
    else
        cr_expect(said != NULL && strstr(said, words) != NULL, "%s: %s", what,
            said != NULL ? said : "nothing");
    cr_expect_eq(ERR_peek_error(), 0);
}

/* In memory of its own, without a NUL behind it. */
static const char *
slip_of_copy(const char *text, size_t length, enum tls_pem_wanted wanted)
{
    char *copy = malloc(length + (length == 0));
    const char *words;

    cr_assert_not_null(copy);
    memcpy(copy, text, length);
    words = tls_pem_slip(copy, length, wanted);
    free(copy);
    return words;
}

Test(tls_pem_slip, names_the_accident)
{
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        expect_words(slip_of_copy(rows[i].text, strlen(rows[i].text),
            rows[i].wanted), rows[i].words, rows[i].text);
}

Test(tls_pem_slip, takes_a_file_that_ends_anywhere)
{
    size_t i, length;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (length = 0; length <= strlen(rows[i].text); length++)
            (void)slip_of_copy(rows[i].text, length, rows[i].wanted);
}

/* A key, and what is made with it. */
static EVP_PKEY *key;
static X509 *cert;

static void
make(void)
{
    key = EVP_EC_gen("P-256");
    cert = X509_new();
    cr_assert(key != NULL && cert != NULL);
    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 1000);
    X509_set_pubkey(cert, key);
    cr_assert(X509_sign(cert, key, EVP_sha256()) > 0);
}

static void
expect_der(unsigned char *der, int length, const char *words)
{
    cr_assert_gt(length, 0);
    expect_words(slip_of_copy((const char *)der, (size_t)length,
        TLS_PEM_CERTIFICATE), words, words);
    OPENSSL_free(der);
}

Test(tls_pem_slip, tells_what_is_in_der, .init = make)
{
    unsigned char *der = NULL;
    X509_REQ *request = X509_to_X509_REQ(cert, key, EVP_sha256());
    PKCS12 *store = PKCS12_create("secret", "name", key, cert, NULL, 0, 0, 0,
        0, 0);
    int length = i2d_X509(cert, &der);

    expect_der(der, length, "certificate in DER");
    der = NULL;
    length = i2d_PrivateKey(key, &der);
    expect_der(der, length, "private key in DER");
    der = NULL;
    length = i2d_X509_REQ(request, &der);
    expect_der(der, length, "signing request");
    der = NULL;
    length = i2d_PKCS12(store, &der);
    expect_der(der, length, "PKCS#12");
    expect_words(tls_pem_slip("\x30\x82\xff\xff", 4, TLS_PEM_CERTIFICATE),
        NULL, "no DER");
    X509_REQ_free(request);
    PKCS12_free(store);
    X509_free(cert);
    EVP_PKEY_free(key);
}
