#include "tls/tls_context_certs.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <time.h>

#include "config/config.h"
#include "tls/tls_cert_choice.h"
#include "tls/tls_certificate.h"
#include "tls/tls_certkey.h"
#include "tls/tls_client_certs.h"
#include "tls/tls_curves.h"
#include "tls/tls_error.h"
#include "tls/tls_groups.h"
#include "tls/tls_load.h"
#include "tls/tls_notes.h"
#include "tls/tls_shared.h"
#include "tls/tls_sigalgs.h"

enum { REASON_SIZE = 256 };

static void
explain_refused_certkey(const struct tls_load *load,
    const struct tls_certkey *pair)
{
    const char *path = pair->path;
    unsigned long code = ERR_peek_error();
    char reason[REASON_SIZE];

    tls_error_reason(reason, sizeof(reason));
    if (ERR_GET_LIB(code) != ERR_LIB_SSL)
        code = 0;
    switch (ERR_GET_REASON(code)) {
    case SSL_R_EE_KEY_TOO_SMALL:
    case SSL_R_CA_KEY_TOO_SMALL:
        tls_load_fault(load, "cert", "%s: a key of %d bits is too weak for "
            "security level %d (%s); use RSA with 2048 bits or more, or "
            "ECDSA on P-256", path, EVP_PKEY_get_bits(pair->key),
            SSL_CTX_get_security_level(load->ctx), reason);
        break;
    default:
        tls_load_fault(load, "cert", "%s: this certificate cannot be used: %s",
            path, reason);
    }
}

static void
warn_of_end(const struct tls_load *load, const char *path, const X509 *cert)
{
    const ASN1_TIME *end = X509_get0_notAfter(cert);
    int64_t left = tls_certificate_time(end) - time(NULL);
    char name[TLS_NAME_SIZE], date[TLS_DATE_SIZE], span[TLS_LEFT_SIZE];

    if (left < 0)
        tls_load_warn(load, "cert", "%s: certificate %s has expired on %s; "
            "peers will refuse it", path, tls_certificate_subject(cert, name),
            tls_certificate_date(end, date));
    else if (left <= TLS_CERT_ENDS_SOON_DAYS * (24 * 60 * 60))
        tls_load_warn(load, "cert", "%s: certificate %s runs out in %s, on "
            "%s: renew it", path, tls_certificate_subject(cert, name),
            tls_certificate_left(left, span), tls_certificate_date(end, date));
}

static void
warn_of_dates(const struct tls_load *load, const char *path, const X509 *cert)
{
    char name[TLS_NAME_SIZE], date[TLS_DATE_SIZE];

    warn_of_end(load, path, cert);
    if (X509_cmp_current_time(X509_get0_notBefore(cert)) > 0)
        tls_load_warn(load, "cert", "%s: certificate %s is not valid before "
            "%s; peers will refuse it", path,
            tls_certificate_subject(cert, name),
            tls_certificate_date(X509_get0_notBefore(cert), date));
}

/* Clients look for names nowhere else (RFC 9525 2). */
static void
warn_of_names(const struct tls_load *load, const char *path, const X509 *cert)
{
    char name[TLS_NAME_SIZE];

    if (!tls_certificate_has_names(cert))
        tls_load_warn(load, "cert", "%s: certificate %s has no "
            "subjectAltName; clients look for the host's name nowhere else, "
            "and will refuse it: have one issued with subjectAltName = "
            "DNS:NAME", path, tls_certificate_subject(cert, name));
}

/* A CA that tells where its own certificate can be fetched expects its clients not
 * to have that: roots issue no servers' certificates.  Browsers fetch it, and few
 * other clients do. */
static void
warn_of_missing_issuer(
    const struct tls_load *load, const struct tls_certkey *pair)
{
    char name[TLS_NAME_SIZE], issuer[TLS_NAME_SIZE];

    if (sk_X509_num(pair->chain) == 0 &&
        tls_certificate_offers_issuer(pair->leaf))
        tls_load_warn(load, "cert", "%s: certificate %s comes without that of "
            "its issuer %s, and most clients cannot verify it; put the "
            "issuer's certificate behind it, or name the file that has both "
            "(fullchain.pem with Let's Encrypt)", pair->path,
            tls_certificate_subject(pair->leaf, name),
            tls_certificate_name(X509_get_issuer_name(pair->leaf), issuer));
}

static void
warn_of_chain(const struct tls_load *load, const struct tls_certkey *pair)
{
    X509 *cert = pair->leaf, *issuer;
    char name[TLS_NAME_SIZE];

    warn_of_dates(load, pair->path, cert);
    if (load->accepts) {
        warn_of_names(load, pair->path, cert);
        warn_of_missing_issuer(load, pair);
    }
    if (X509_check_purpose(cert, load->accepts ? X509_PURPOSE_SSL_SERVER :
        X509_PURPOSE_SSL_CLIENT, 0) != 1)
        tls_load_warn(load, "cert", "%s: certificate %s is not meant for a "
            "TLS %s; peers will refuse it", pair->path,
            tls_certificate_subject(cert, name),
            load->accepts ? "server" : "client");
    for (int i = 0; i < sk_X509_num(pair->chain); i++, cert = issuer) {
        issuer = sk_X509_value(pair->chain, i);
        warn_of_dates(load, pair->path, issuer);
        if (X509_check_issued(issuer, cert) != X509_V_OK)
            tls_load_warn(load, "cert", "%s: certificate %d did not issue the "
                "one before it; peers may not find a chain",
                pair->path, i + 2);
    }
    ERR_clear_error();
}

/* What the context chooses among, by its side. */
struct choices {
    struct tls_cert_choice *listen;
    struct tls_client_certs *connect;
};

/* False: out of memory. */
static bool
add_to_choice(const struct choices *choices, const struct tls_load *load,
    struct tls_certkey *pair)
{
    bool listed = load->written != NULL;

    if (choices->connect != NULL)
        return tls_client_certs_add(choices->connect, pair, listed);
    return tls_cert_choice_add(choices->listen, pair, listed);
}

/* tls_certkey_see_fn.  The context takes any number of certificates, and has the
 * last one of each kind of keys. */
static void
use_certkey(const struct tls_load *load, struct tls_certkey *pair, void *arg)
{
    if (!tls_shared_attach(load->ctx, pair->item)) {
        tls_load_fault(load, "cert", "%s: out of memory", pair->path);
        return;
    }
    if (SSL_CTX_use_cert_and_key(load->ctx, pair->leaf, pair->key,
        pair->chain, 1) != 1) {
        explain_refused_certkey(load, pair);
        return;
    }
    tls_load_digest_certificate(load, pair->leaf);
    for (int i = 0; i < sk_X509_num(pair->chain); i++)
        tls_load_digest_certificate(load, sk_X509_value(pair->chain, i));
    tls_curves_check(
        load, pair->path, pair->leaf, tls_groups_list(load));
    tls_sigalgs_check(load, pair->path, pair->leaf);
    warn_of_chain(load, pair);
    if ((load->notes == NULL || !load->notes->faulty) &&
        !add_to_choice(arg, load, pair))
        tls_load_fault(load, "cert", "%s: out of memory", pair->path);
}

static void
load_listen_certs(const struct tls_load *load)
{
    struct tls_cert_choice *choice = tls_cert_choice_new(
        load->leg->unknown_name == UNKNOWN_NAME_REFUSE);

    if (load->leg->cert.count == 0)
        tls_load_fault(load, "cert", "a TLS listener needs a certificate; "
            "name its PEM file");
    if (choice != NULL)
        tls_pairs_load(
            load, use_certkey, &(struct choices){ .listen = choice });
    if (choice == NULL || !tls_cert_choice_install(load->ctx, choice))
        tls_load_fault(load, "cert", "cannot be chosen: out of memory");
}

static void
load_connect_certs(const struct tls_load *load)
{
    struct tls_client_certs *choice = tls_client_certs_new();

    if (choice != NULL)
        tls_pairs_load(
            load, use_certkey, &(struct choices){ .connect = choice });
    if (choice == NULL || !tls_client_certs_install(load->ctx, choice))
        tls_load_fault(load, "cert", "cannot be chosen: out of memory");
}

void
tls_context_certs_load(const struct tls_load *load)
{
    if (load->accepts)
        load_listen_certs(load);
    else
        load_connect_certs(load);
}
