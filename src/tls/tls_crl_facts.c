#include "tls/tls_crl_facts.h"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "tls/tls_context.h"

static void
gather_crl_facts(const X509_CRL *crl, struct tls_cert_facts *facts)
{
    const ASN1_TIME *next = X509_CRL_get0_nextUpdate(crl);
    unsigned length = 0;

    *facts = (struct tls_cert_facts){
        .kind = TLS_CERT_CRL,
        .begins = tls_certificate_time(X509_CRL_get0_lastUpdate(crl)),
        .until = next != NULL ? tls_certificate_time(next) : 0,
    };
    (void)X509_CRL_digest(crl, EVP_sha256(), facts->fingerprint, &length);
    tls_certificate_name(X509_CRL_get_issuer(crl), facts->subject);
}

void
tls_crl_facts_each(
    const struct tls_context *context, tls_cert_facts_fn *see, void *arg)
{
    STACK_OF(X509_OBJECT) *objects = context != NULL
        ? X509_STORE_get0_objects(
              SSL_CTX_get_cert_store(tls_context_ssl(context)))
        : NULL;
    struct tls_cert_facts facts;

    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        const X509_CRL *crl =
            X509_OBJECT_get0_X509_CRL(sk_X509_OBJECT_value(objects, i));

        if (crl == NULL)
            continue;
        gather_crl_facts(crl, &facts);
        see(&facts, arg);
    }
}
