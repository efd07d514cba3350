#include "tls/tls_trust.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "config/config.h"
#include "tls/tls_admission.h"
#include "tls/tls_certificate.h"
#include "tls/tls_load.h"
#include "tls/tls_trust_set.h"
#include "tls/tls_verify.h"

enum {
    /* A list of names goes out with every handshake, and some clients refuse
     * a long one; without it they choose for themselves. */
    CLIENT_NAMES_BYTES = 8 << 10,
};

/* Tells clients which certificate to choose.  The system's CAs are too many,
 * and a list without them would be wrong. */
static void
name_authorities(SSL_CTX *ctx, const STACK_OF(X509) *certs)
{
    int bytes = 0;

    for (int i = 0; i < sk_X509_num(certs); i++) {
        X509 *cert = sk_X509_value(certs, i);

        bytes += 2 + i2d_X509_NAME(X509_get_subject_name(cert), NULL);
        if (bytes > CLIENT_NAMES_BYTES ||
            SSL_CTX_add_client_CA(ctx, cert) != 1) {
            SSL_CTX_set_client_CA_list(ctx, NULL);
            return;
        }
    }
}

static void
demand_verification(const struct tls_load *load)
{
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(load->ctx);
    unsigned long flags = 0;

    if (load->leg->crl.count > 0)
        flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
    if (X509_VERIFY_PARAM_set_flags(param, flags) != 1 ||
        (load->leg->purpose == PURPOSE_ANY &&
            X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_ANY) != 1))
        tls_load_fault(load, "verify", "cannot be set: out of memory");
    tls_verify_install(load->ctx, load->leg->verify == VERIFY_REQUIRED);
}

static void
warn_of_crl(const struct tls_load *load, const char *path, const X509_CRL *crl)
{
    const ASN1_TIME *from = X509_CRL_get0_lastUpdate(crl);
    const ASN1_TIME *until = X509_CRL_get0_nextUpdate(crl);
    char name[TLS_NAME_SIZE], date[TLS_DATE_SIZE];

    tls_certificate_name(X509_CRL_get_issuer(crl), name);
    if (until != NULL && X509_cmp_current_time(until) < 0)
        tls_load_warn(load, "crl", "%s: the CRL of %s has expired on %s; "
            "peers with certificates of this CA are refused until there "
            "is a new one", path, name, tls_certificate_date(until, date));
    if (X509_cmp_current_time(from) > 0)
        tls_load_warn(load, "crl", "%s: the CRL of %s is dated ahead, on %s; "
            "peers with certificates of this CA are refused until then; is "
            "this machine's clock right?", path, name,
            tls_certificate_date(from, date));
}

/* Each time: a list can end while its set is in use. */
static void
warn_of_crls(const struct tls_load *load, const struct tls_trust_set *set)
{
    for (int i = 0; i < sk_X509_CRL_num(set->crls); i++)
        warn_of_crl(load, set->crl_paths.items[i],
            sk_X509_CRL_value(set->crls, i));
}

/* Most CAs vouch for more clients than a service is for. */
static void
tell_of_no_rules(const struct tls_load *load, const struct tls_trust_set *set)
{
    if (!load->accepts || tls_admission_has_rules(load->leg))
        return;
    if (set->system)
        tls_load_warn(load, "ca", "system: lets in every client that has a "
            "certificate of a public CA; write listen.allow = dns:NAME for "
            "those that may, or name the file of a CA of your own");
    else
        tls_load_tell(load, "verify", "lets in every client with a certificate "
            "of its CA; listen.allow would say which of them may");
}

static void
use_set(const struct tls_load *load, struct tls_trust_set *set)
{
    tls_load_report(load, &set->notes);
    warn_of_crls(load, set);
    if (set->notes.faulty)
        return;
    tell_of_no_rules(load, set);
    tls_load_digest(load, set->digest, set->digest_length);
    if (!tls_shared_attach(load->ctx, &set->item) ||
        !tls_anchors_use(load->ctx, &set->anchors))
        tls_load_fault(load, "ca", "cannot be used: out of memory");
    tls_admission_load(load);
    demand_verification(load);
    if (load->accepts && !set->system)
        name_authorities(load->ctx, set->certs);
}

/* The chain does not matter. */
static void
trust_keys(const struct tls_load *load)
{
    tls_admission_load(load);
    tls_verify_install_keys(load->ctx);
}

static void
trust_nobody(const struct tls_load *load)
{
    bool has_pins = load->leg->pins.count > 0;

    SSL_CTX_set_verify(load->ctx, SSL_VERIFY_NONE, NULL);
    if (has_pins)
        trust_keys(load);
    else if (!load->accepts)
        tls_load_warn(load, "verify", "is none: the server's certificate is "
            "NOT CHECKED, so that an attacker on the way can pose as the "
            "server");
    if (load->leg->crl.count > 0)
        tls_load_warn(load, "crl", "has no effect while %s.verify is none",
            load->side);
    if (load->leg->ca.count > 0 && load->accepts)
        tls_load_warn(load, "ca", "has no effect while %s.verify is none",
            load->side);
}

void
tls_trust_load(const struct tls_load *load)
{
    struct tls_trust_set *set;

    if (load->leg->verify == VERIFY_NONE) {
        trust_nobody(load);
        return;
    }
    set = tls_trust_set_get(load);
    if (set == NULL) {
        tls_load_fault(load, "ca", "cannot be loaded: out of memory");
        return;
    }
    use_set(load, set);
    tls_shared_put(&set->item);
}
