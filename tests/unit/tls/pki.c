#include "pki.h"

#include <sys/stat.h>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DAY = 24 * 3600, PATHS = 64 };

#define NEED(condition) need((condition), #condition)

static char folder[64];
static char paths[PATHS][128];

static void
need(bool met, const char *what)
{
    if (met)
        return;
    fprintf(stderr, "%s\n", what);
    ERR_print_errors_fp(stderr);
    abort();
}

static EVP_PKEY *
make_pss_key(void)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
    EVP_PKEY *key = NULL;

    NEED(ctx != NULL && EVP_PKEY_keygen_init(ctx) == 1);
    NEED(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048) == 1);
    NEED(EVP_PKEY_generate(ctx, &key) == 1);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

static EVP_PKEY *
make_key(const char *kind)
{
    EVP_PKEY *key;

    if (kind == NULL)
        kind = "P-256";
    if (strcmp(kind, "RSA") == 0)
        key = EVP_RSA_gen(2048);
    else if (strcmp(kind, "RSA1024") == 0)
        key = EVP_RSA_gen(1024);
    else if (strcmp(kind, "RSA-PSS") == 0)
        key = make_pss_key();
    else if (strncmp(kind, "ED", 2) == 0)
        key = EVP_PKEY_Q_keygen(NULL, NULL, kind);
    else
        key = EVP_EC_gen(kind);
    NEED(key != NULL);
    return key;
}

static void
set_serial(X509 *cert)
{
    static long serial = 1000;

    NEED(ASN1_INTEGER_set(X509_get_serialNumber(cert), serial++) == 1);
}

static void
set_subject(X509 *cert, const struct pki_spec *spec)
{
    X509_NAME *name = X509_NAME_new();

    NEED(name != NULL);
    if (spec->cn != NULL)
        NEED(X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
            (const unsigned char *)spec->cn,
            spec->cn_length > 0 ? (int)spec->cn_length : -1, -1, 0) == 1);
    NEED(X509_set_subject_name(cert, name) == 1);
    X509_NAME_free(name);
}

static void
add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *extension;

    if (value == NULL)
        return;
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    extension = X509V3_EXT_nconf_nid(NULL, &ctx, nid, value);
    NEED(extension != NULL);
    NEED(X509_add_ext(cert, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static void
add_raw_name(X509 *cert, const struct pki_spec *spec)
{
    GENERAL_NAMES *names;
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();

    names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    if (names == NULL)
        names = sk_GENERAL_NAME_new_null();
    NEED(names != NULL && name != NULL && text != NULL);
    NEED(ASN1_STRING_set(text, spec->dns, (int)spec->dns_length) == 1);
    GENERAL_NAME_set0_value(name, GEN_DNS, text);
    NEED(sk_GENERAL_NAME_push(names, name) > 0);
    NEED(X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0,
        X509V3_ADD_REPLACE) == 1);
    GENERAL_NAMES_free(names);
}

static void
add_extensions(X509 *cert, X509 *issuer, const struct pki_spec *spec)
{
    add_extension(cert, issuer, NID_basic_constraints, spec->constraints);
    add_extension(cert, issuer, NID_subject_key_identifier, "hash");
    add_extension(cert, issuer, NID_authority_key_identifier, "keyid");
    add_extension(cert, issuer, NID_ext_key_usage, spec->eku);
    add_extension(cert, issuer, NID_subject_alt_name, spec->san);
    add_extension(cert, issuer, NID_info_access, spec->places);
    if (spec->dns != NULL)
        add_raw_name(cert, spec);
}

static void
sign(X509 *cert, EVP_PKEY *key)
{
    bool digests = EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448");

    NEED(X509_sign(cert, key, digests ? NULL : EVP_sha256()) > 0);
}

struct pki
pki_make(const struct pki_spec *spec, const struct pki *issuer)
{
    struct pki made = { X509_new(), make_key(spec->kind) };
    X509 *by = issuer != NULL ? issuer->cert : made.cert;
    int begins = spec->begins_days != 0 ? spec->begins_days : -1;
    int ends = spec->ends_days != 0 ? spec->ends_days : 365;

    NEED(made.cert != NULL && X509_set_version(made.cert, 2) == 1);
    set_serial(made.cert);
    set_subject(made.cert, spec);
    NEED(X509_set_issuer_name(made.cert, X509_get_subject_name(by)) == 1);
    X509_gmtime_adj(X509_getm_notBefore(made.cert), begins * (long)DAY);
    X509_gmtime_adj(X509_getm_notAfter(made.cert), ends * (long)DAY);
    NEED(X509_set_pubkey(made.cert, made.key) == 1);
    add_extensions(made.cert, by, spec);
    sign(made.cert, issuer != NULL ? issuer->key : made.key);
    return made;
}

struct pki
pki_ca(const char *cn, const struct pki *issuer)
{
    return pki_make(&(struct pki_spec){ .cn = cn,
        .constraints = "critical,CA:TRUE" }, issuer);
}

void
pki_free(struct pki *pki)
{
    X509_free(pki->cert);
    EVP_PKEY_free(pki->key);
    *pki = (struct pki){ NULL, NULL };
}

static void
add_revoked(X509_CRL *crl, const X509 *cert)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    ASN1_TIME *when = X509_gmtime_adj(NULL, -DAY);

    NEED(entry != NULL && when != NULL);
    NEED(X509_REVOKED_set_serialNumber(entry,
        (ASN1_INTEGER *)X509_get0_serialNumber(cert)) == 1);
    NEED(X509_REVOKED_set_revocationDate(entry, when) == 1);
    NEED(X509_CRL_add0_revoked(crl, entry) == 1);
    ASN1_TIME_free(when);
}

X509_CRL *
pki_crl(const struct pki *issuer, const struct pki *revoked, int days)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *from = X509_gmtime_adj(NULL, -9 * (long)DAY);
    ASN1_TIME *until = X509_gmtime_adj(NULL, days * (long)DAY);

    NEED(crl != NULL && from != NULL && until != NULL);
    NEED(X509_CRL_set_version(crl, 1) == 1);
    NEED(X509_CRL_set_issuer_name(crl,
        X509_get_subject_name(issuer->cert)) == 1);
    NEED(X509_CRL_set1_lastUpdate(crl, from) == 1);
    NEED(X509_CRL_set1_nextUpdate(crl, until) == 1);
    if (revoked != NULL)
        add_revoked(crl, revoked->cert);
    NEED(X509_CRL_sign(crl, issuer->key, EVP_sha256()) > 0);
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
    return crl;
}

void
pki_crl_identify(X509_CRL *crl, const struct pki *issuer)
{
    AUTHORITY_KEYID *id = AUTHORITY_KEYID_new();
    const ASN1_OCTET_STRING *key = X509_get0_subject_key_id(issuer->cert);

    NEED(id != NULL && key != NULL);
    id->keyid = ASN1_OCTET_STRING_dup(key);
    NEED(X509_CRL_add1_ext_i2d(crl, NID_authority_key_identifier, id, 0,
        X509V3_ADD_REPLACE) == 1);
    NEED(X509_CRL_sign(crl, issuer->key, EVP_sha256()) > 0);
    AUTHORITY_KEYID_free(id);
}

const char *
pki_folder(void)
{
    if (folder[0] == '\0') {
        snprintf(folder, sizeof(folder), "/tmp/sallyport-pki-XXXXXX");
        NEED(mkdtemp(folder) != NULL);
    }
    return folder;
}

static void
remove_folder(const char *path)
{
    DIR *entries = opendir(path);
    struct dirent *entry;
    char name[PATH_MAX];

    while (entries != NULL && (entry = readdir(entries)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 ||
            strcmp(entry->d_name, "..") == 0)
            continue;
        snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        if (unlink(name) != 0)
            remove_folder(name);
    }
    if (entries != NULL)
        closedir(entries);
    rmdir(path);
}

void
pki_clean(void)
{
    if (folder[0] != '\0')
        remove_folder(folder);
    folder[0] = '\0';
}

static char *
path_of(const char *name)
{
    static size_t used;
    char *path = paths[used++ % PATHS];

    snprintf(path, sizeof(paths[0]), "%s/%s", pki_folder(), name);
    return path;
}

char *
pki_text(const char *name, const char *text, size_t length)
{
    char *path = path_of(name);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    NEED(fd >= 0 && write(fd, text, length) == (ssize_t)length);
    close(fd);
    return path;
}

static char *
append(const char *name, BIO *bio)
{
    char *path, *data;
    long length = BIO_get_mem_data(bio, &data);

    path = pki_text(name, data, (size_t)length);
    BIO_free(bio);
    return path;
}

char *
pki_cert(const char *name, const struct pki *pki)
{
    BIO *bio = BIO_new(BIO_s_mem());

    NEED(bio != NULL && PEM_write_bio_X509(bio, pki->cert) == 1);
    return append(name, bio);
}

char *
pki_key(const char *name, const struct pki *pki, const char *passphrase)
{
    BIO *bio = BIO_new(BIO_s_mem());
    const EVP_CIPHER *cipher = passphrase != NULL ? EVP_aes_256_cbc() : NULL;

    NEED(bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, pki->key, cipher,
        passphrase, passphrase != NULL ? (int)strlen(passphrase) : 0, NULL,
        NULL) == 1);
    return append(name, bio);
}

char *
pki_both(const char *name, const struct pki *pki)
{
    pki_cert(name, pki);
    return pki_key(name, pki, NULL);
}

char *
pki_list(const char *name, const X509_CRL *crl)
{
    BIO *bio = BIO_new(BIO_s_mem());

    NEED(bio != NULL && PEM_write_bio_X509_CRL(bio, crl) == 1);
    return append(name, bio);
}
