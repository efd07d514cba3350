#include "tls/tls_cert_facts.h"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/base.h"
#include "tls/tls_context.h"

/* Of the certificate that is the context's current one. */
static void
gather_facts(SSL_CTX *ctx, X509 *leaf, struct tls_cert_facts *facts)
{
    STACK_OF(X509) *chain = NULL;
    unsigned length = 0;

    *facts = (struct tls_cert_facts){
        .kind = TLS_CERT_LEAF,
        .begins = tls_certificate_time(X509_get0_notBefore(leaf)),
        .until = tls_certificate_time(X509_get0_notAfter(leaf)),
    };
    (void)SSL_CTX_get0_chain_certs(ctx, &chain);
    facts->chain = 1 + (unsigned)(chain != NULL ? sk_X509_num(chain) : 0);
    (void)X509_digest(leaf, EVP_sha256(), facts->fingerprint, &length);
    tls_certificate_subject(leaf, facts->subject);
    tls_certificate_name(X509_get_issuer_name(leaf), facts->issuer);
    tls_certificate_serial(leaf, facts->serial);
    tls_certificate_key(leaf, facts->key);
    tls_certificate_names(leaf, facts->names);
}

void
tls_cert_facts_each(
    const struct tls_context *context, tls_cert_facts_fn *see, void *arg)
{
    SSL_CTX *ctx = context != NULL ? tls_context_ssl(context) : NULL;
    long more = ctx != NULL
        ? SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_FIRST)
        : 0;
    struct tls_cert_facts facts;

    for (; more == 1;
         more = SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_NEXT)) {
        X509 *leaf = SSL_CTX_get0_certificate(ctx);

        if (leaf == NULL)
            continue;
        gather_facts(ctx, leaf, &facts);
        see(&facts, arg);
    }
}
