/*
 * Certificates for tests, made on the spot.  Whatever fails here ends the test
 * process: nothing could be shown without them.
 */
#ifndef TESTS_TLS_PKI_H
#define TESTS_TLS_PKI_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <stdbool.h>
#include <stddef.h>

/* What a certificate says.  All zero: a leaf without names on a P-256 key,
 * valid from yesterday until in a year. */
struct pki_spec {
    const char *cn;
    size_t cn_length;       /* 0: strlen(cn) */
    const char *san;        /* as in x509v3_config(5): "DNS:a,IP:192.0.2.1" */
    const char *dns;        /* one more DNS name, of `dns_length` raw bytes */
    size_t dns_length;
    const char *eku;        /* "serverAuth", "clientAuth" */
    const char *constraints;/* "critical,CA:TRUE" for a CA */
    const char *places;     /* "caIssuers;URI:http://ca.example/ca.cer" */
    const char *kind;       /* "P-256" (or another curve), "RSA", "RSA1024",
                             * "RSA-PSS", "ED25519", "ED448" */
    int begins_days;        /* from now */
    int ends_days;
};

struct pki {
    X509 *cert;
    EVP_PKEY *key;
};

/* `issuer` NULL: self-signed. */
struct pki pki_make(const struct pki_spec *spec, const struct pki *issuer);

/* A CA of that name. */
struct pki pki_ca(const char *cn, const struct pki *issuer);
void pki_free(struct pki *pki);

/* A list by `issuer` that revokes `revoked` (NULL: none) and is in date for
 * `days` more. */
X509_CRL *pki_crl(const struct pki *issuer, const struct pki *revoked,
    int days);

/* Adds the issuer's key identifier, as real lists have it (RFC 5280 5.2.1), and
 * signs the list again. */
void pki_crl_identify(X509_CRL *crl, const struct pki *issuer);

/* A folder of the test's own; pki_clean() removes it with its files. */
const char *pki_folder(void);
void pki_clean(void);

/* Each adds PEM to a file of the folder, made if it is not there with mode
 * 0600, and returns its path, valid until the process ends. */
char *pki_text(const char *name, const char *text, size_t length);
char *pki_cert(const char *name, const struct pki *pki);
char *pki_key(const char *name, const struct pki *pki,
    const char *passphrase);
char *pki_list(const char *name, const X509_CRL *crl);

/* Certificate and key in one file. */
char *pki_both(const char *name, const struct pki *pki);

#endif
