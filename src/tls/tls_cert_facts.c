#include "tls/tls_cert_facts.h"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/base.h"
#include "tls/tls_cert_choice.h"
#include "tls/tls_certkey.h"
#include "tls/tls_client_certs.h"
#include "tls/tls_context.h"

static void
gather_facts(X509 *leaf, int issuers, struct tls_cert_facts *facts)
{
    unsigned length = 0;

    *facts = (struct tls_cert_facts){
        .kind = TLS_CERT_LEAF,
        .begins = tls_certificate_time(X509_get0_notBefore(leaf)),
        .until = tls_certificate_time(X509_get0_notAfter(leaf)),
        .chain = 1 + (unsigned)(issuers > 0 ? issuers : 0),
    };
    (void)X509_digest(leaf, EVP_sha256(), facts->fingerprint, &length);
    tls_certificate_subject(leaf, facts->subject);
    tls_certificate_name(X509_get_issuer_name(leaf), facts->issuer);
    tls_certificate_serial(leaf, facts->serial);
    tls_certificate_key(leaf, facts->key);
    tls_certificate_names(leaf, facts->names);
}

static void
see_choice(const struct tls_cert_choice *choice, tls_cert_facts_fn *see,
    void *arg)
{
    struct tls_cert_facts facts;

    for (size_t i = 0; i < tls_cert_choice_count(choice); i++) {
        const struct tls_certkey *pair = tls_cert_choice_at(choice, i);

        gather_facts(pair->leaf, sk_X509_num(pair->chain), &facts);
        facts.listed = tls_cert_choice_is_listed(choice, i);
        see(&facts, arg);
    }
}

static void
see_client_certs(const struct tls_client_certs *certs, tls_cert_facts_fn *see,
    void *arg)
{
    struct tls_cert_facts facts;

    for (size_t i = 0; i < tls_client_certs_count(certs); i++) {
        const struct tls_certkey *pair = tls_client_certs_at(certs, i);

        gather_facts(pair->leaf, sk_X509_num(pair->chain), &facts);
        facts.listed = tls_client_certs_is_listed(certs, i);
        see(&facts, arg);
    }
}

/* A leg that has no choice has one certificate of each kind of keys at most. */
static void
see_context(SSL_CTX *ctx, tls_cert_facts_fn *see, void *arg)
{
    long more = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_FIRST);
    struct tls_cert_facts facts;

    for (; more == 1;
         more = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_NEXT)) {
        X509 *leaf = SSL_CTX_get0_certificate(ctx);
        STACK_OF(X509) *chain = NULL;

        if (leaf == NULL)
            continue;
        (void)SSL_CTX_get0_chain_certs(ctx, &chain);
        gather_facts(leaf, sk_X509_num(chain), &facts);
        see(&facts, arg);
    }
}

void
tls_cert_facts_each(
    const struct tls_context *context, tls_cert_facts_fn *see, void *arg)
{
    SSL_CTX *ctx = context != NULL ? tls_context_ssl(context) : NULL;
    const struct tls_cert_choice *choice =
        ctx != NULL ? tls_cert_choice_of(ctx) : NULL;

    const struct tls_client_certs *certs =
        ctx != NULL ? tls_client_certs_of(ctx) : NULL;

    if (choice != NULL)
        see_choice(choice, see, arg);
    else if (certs != NULL)
        see_client_certs(certs, see, arg);
    else if (ctx != NULL)
        see_context(ctx, see, arg);
}
