#include "tls/tls_anchors.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <stdbool.h>

#include "tls/tls_certificate.h"
#include "tls/tls_load.h"

/* The signature decides: any CA can choose this name and key identifier. */
static bool
has_issuer(const STACK_OF(X509) *certs, X509 *cert)
{
    for (int i = 0; i < sk_X509_num(certs); i++) {
        X509 *issuer = sk_X509_value(certs, i);

        if (X509_check_issued(issuer, cert) == X509_V_OK &&
            X509_verify(cert, X509_get0_pubkey(issuer)) == 1)
            return true;
    }
    return false;
}

/* The list that revokes the CA; NULL: none. */
static X509_CRL *
find_revocation(const STACK_OF(X509_CRL) *crls, X509 *cert)
{
    for (int i = 0; i < sk_X509_CRL_num(crls); i++) {
        X509_CRL *crl = sk_X509_CRL_value(crls, i);
        X509_REVOKED *entry;

        if (X509_NAME_cmp(X509_CRL_get_issuer(crl),
                X509_get_issuer_name(cert)) == 0 &&
            X509_CRL_get0_by_cert(crl, &entry, cert) == 1)
            return crl;
    }
    return NULL;
}

static bool
is_revoked(const struct tls_load *load, const STACK_OF(X509_CRL) *crls,
    X509 *cert)
{
    const X509_CRL *crl = find_revocation(crls, cert);
    char name[TLS_NAME_SIZE], issuer[TLS_NAME_SIZE];

    if (crl == NULL)
        return false;
    tls_load_warn(load, "ca", "%s is revoked by the CRL of %s; peers with "
        "certificates of this CA are refused",
        tls_certificate_subject(cert, name),
        tls_certificate_name(X509_CRL_get_issuer(crl), issuer));
    return true;
}

static bool
push_certificate(STACK_OF(X509) *others, X509 *cert)
{
    if (X509_up_ref(cert) != 1)
        return false;
    if (sk_X509_push(others, cert) > 0)
        return true;
    X509_free(cert);
    return false;
}

/* SSL_CTX_set_cert_verify_callback(3): adds the others to the certificates that
 * the peer sent, and hides them again. */
static int
verify_with_others(X509_STORE_CTX *store, void *others)
{
    STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(store);
    STACK_OF(X509) *all =
        sent != NULL ? sk_X509_dup(sent) : sk_X509_new_null();
    int result = -1;

    for (int i = 0; all != NULL && i < sk_X509_num(others); i++)
        if (sk_X509_push(all, sk_X509_value(others, i)) <= 0) {
            sk_X509_free(all);
            all = NULL;
        }
    if (all != NULL) {
        X509_STORE_CTX_set0_untrusted(store, all);
        result = X509_verify_cert(store);
        X509_STORE_CTX_set0_untrusted(store, sent);
    } else {
        X509_STORE_CTX_set_error(store, X509_V_ERR_OUT_OF_MEM);
    }
    sk_X509_free(all);
    return result;
}

bool
tls_anchors_begin(struct tls_anchors *anchors)
{
    *anchors = (struct tls_anchors){
        .store = X509_STORE_new(), .others = sk_X509_new_null(),
    };
    return anchors->store != NULL && anchors->others != NULL;
}

bool
tls_anchors_add(const struct tls_load *load, const STACK_OF(X509) *certs,
    const STACK_OF(X509_CRL) *crls, X509 *cert, struct tls_anchors *anchors)
{
    bool revoked = is_revoked(load, crls, cert);
    bool is_root = X509_self_signed(cert, 0) == 1;

    if (!is_root && has_issuer(certs, cert))
        return push_certificate(anchors->others, cert);
    if (!is_root && revoked)
        return true;
    anchors->partial |= !is_root;
    return X509_STORE_add_cert(anchors->store, cert) == 1;
}

bool
tls_anchors_add_crls(
    const STACK_OF(X509_CRL) *crls, struct tls_anchors *anchors)
{
    bool good = true;

    for (int i = 0; good && i < sk_X509_CRL_num(crls); i++)
        good = X509_STORE_add_crl(
            anchors->store, sk_X509_CRL_value(crls, i)) == 1;
    return good;
}

void
tls_anchors_clear(struct tls_anchors *anchors)
{
    X509_STORE_free(anchors->store);
    sk_X509_pop_free(anchors->others, X509_free);
    *anchors = (struct tls_anchors){ 0 };
}

bool
tls_anchors_use(SSL_CTX *ctx, const struct tls_anchors *anchors)
{
    if (anchors->store == NULL)
        return false;
    SSL_CTX_set1_cert_store(ctx, anchors->store);
    if (sk_X509_num(anchors->others) > 0)
        SSL_CTX_set_cert_verify_callback(
            ctx, verify_with_others, anchors->others);
    return !anchors->partial ||
        X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(ctx),
            X509_V_FLAG_PARTIAL_CHAIN) == 1;
}
