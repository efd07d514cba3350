#include "cli/demo_certificate.h"

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <string.h>

#include "tls/tls_error.h"

enum {
    VALID_DAYS = 15, /* shorter ones are warned of */
    CLOCK_SLACK_S = 300, /* for a client on a machine whose clock is behind */
    SERIAL_BITS = 127,   /* RFC 5280 4.1.2.2: positive, at most 20 bytes */
};

/* A certificate in the making, with the key that it is for. */
struct identity {
    X509 *cert;
    EVP_PKEY *key;
};

struct extension {
    int nid;
    const char *value;
};

static const struct extension ca_extensions[] = {
    { NID_basic_constraints, "critical,CA:TRUE,pathlen:0" },
    { NID_key_usage, "critical,keyCertSign,cRLSign" },
    { NID_subject_key_identifier, "hash" },
};

static const struct extension server_extensions[] = {
    { NID_basic_constraints, "critical,CA:FALSE" },
    { NID_key_usage, "critical,digitalSignature" },
    { NID_ext_key_usage, "serverAuth" },
    { NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1" },
    { NID_subject_key_identifier, "hash" },
    { NID_authority_key_identifier, "keyid:always" },
};

static bool
set_serial(X509 *cert)
{
    BIGNUM *number = BN_new();
    bool ok = number != NULL &&
        BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) &&
        BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != NULL;

    BN_free(number);
    return ok;
}

static bool
set_subject(X509 *cert, const char *common_name)
{
    X509_NAME *name = X509_get_subject_name(cert);

    return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
        (const unsigned char *)common_name, -1, -1, 0) == 1;
}

static bool
set_validity(X509 *cert)
{
    return X509_gmtime_adj(X509_getm_notBefore(cert), -CLOCK_SLACK_S) != NULL &&
        X509_time_adj_ex(X509_getm_notAfter(cert), VALID_DAYS, 0, NULL) != NULL;
}

static bool
add_extensions(X509 *cert, X509 *issuer, const struct extension *extensions,
    size_t count)
{
    X509V3_CTX context;

    X509V3_set_ctx(&context, issuer, cert, NULL, NULL, 0);
    for (size_t i = 0; i < count; i++) {
        X509_EXTENSION *extension = X509V3_EXT_nconf_nid(
            NULL, &context, extensions[i].nid, extensions[i].value);
        bool ok = extension != NULL && X509_add_ext(cert, extension, -1) == 1;

        X509_EXTENSION_free(extension);
        if (!ok)
            return false;
    }
    return true;
}

static bool
begin_certificate(struct identity *made, const char *common_name)
{
    made->key = EVP_EC_gen("P-256");
    made->cert = X509_new();
    return made->key != NULL && made->cert != NULL &&
        X509_set_version(made->cert, X509_VERSION_3) == 1 &&
        set_serial(made->cert) && set_validity(made->cert) &&
        set_subject(made->cert, common_name) &&
        X509_set_pubkey(made->cert, made->key) == 1;
}

/* `issuer` may be `made` itself. */
static bool
sign_certificate(struct identity *made, const struct identity *issuer,
    const struct extension *extensions, size_t count)
{
    return X509_set_issuer_name(
               made->cert, X509_get_subject_name(issuer->cert)) == 1 &&
        add_extensions(made->cert, issuer->cert, extensions, count) &&
        X509_sign(made->cert, issuer->key, EVP_sha256()) > 0;
}

static bool
write_pem(int fd, X509 *cert, EVP_PKEY *key)
{
    BIO *bio = BIO_new_fd(fd, BIO_NOCLOSE);
    bool ok = bio != NULL && PEM_write_bio_X509(bio, cert) == 1 &&
        (key == NULL ||
            PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);

    BIO_free(bio);
    return ok;
}

static void
free_identity(struct identity *identity)
{
    X509_free(identity->cert);
    EVP_PKEY_free(identity->key);
}

bool
demo_certificate_write(int ca_fd, int server_fd, struct error *error)
{
    struct identity ca = { 0 }, server = { 0 };
    bool ok = begin_certificate(&ca, "Sallyport demo, throw-away CA") &&
        sign_certificate(&ca, &ca, ca_extensions, COUNT(ca_extensions)) &&
        begin_certificate(&server, "Sallyport demo") &&
        sign_certificate(&server, &ca, server_extensions,
            COUNT(server_extensions)) &&
        write_pem(ca_fd, ca.cert, NULL) &&
        write_pem(server_fd, server.cert, server.key);

    if (!ok)
        tls_error_add(error, "cannot make a certificate");
    free_identity(&ca);
    free_identity(&server);
    return ok;
}
