#include "tls/tls_client_certs.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <stdlib.h>

#include "tls/tls_certkey.h"

struct client_cert {
    struct tls_certkey pair;
    bool listed;
};

struct tls_client_certs {
    struct client_cert *items;
    size_t count;
};

static CRYPTO_ONCE slot_once = CRYPTO_ONCE_STATIC_INIT;
static int certs_slot = -1;

struct tls_client_certs *
tls_client_certs_new(void)
{
    return calloc(1, sizeof(struct tls_client_certs));
}

void
tls_client_certs_free(struct tls_client_certs *certs)
{
    if (certs == NULL)
        return;
    free(certs->items);
    free(certs);
}

bool
tls_client_certs_add(
    struct tls_client_certs *certs, const struct tls_certkey *pair, bool listed)
{
    struct client_cert *grown =
        reallocarray(certs->items, certs->count + 1, sizeof(*grown));

    if (grown == NULL)
        return false;
    certs->items = grown;
    grown[certs->count++] = (struct client_cert){ *pair, listed };
    return true;
}

static bool
is_named(const STACK_OF(X509_NAME) *authorities, const X509 *cert)
{
    const X509_NAME *issuer = X509_get_issuer_name(cert);

    for (int i = 0; i < sk_X509_NAME_num(authorities); i++)
        if (X509_NAME_cmp(sk_X509_NAME_value(authorities, i), issuer) == 0)
            return true;
    return false;
}

/* Whether the server can find one of its CAs above the certificate. */
static bool
has_authority(
    const STACK_OF(X509_NAME) *authorities, const struct tls_certkey *pair)
{
    if (sk_X509_NAME_num(authorities) <= 0 || is_named(authorities, pair->leaf))
        return true;
    for (int i = 0; i < sk_X509_num(pair->chain); i++)
        if (is_named(authorities, sk_X509_value(pair->chain, i)))
            return true;
    return false;
}

/* Whether its key makes signatures of the server's algorithms. */
static bool
can_sign(SSL *ssl, const struct tls_certkey *pair)
{
    int checks = SSL_check_chain(ssl, pair->leaf, pair->key, pair->chain);

    ERR_clear_error();
    return (checks & CERT_PKEY_SIGN) != 0;
}

/* SSL_CTX_set_cert_cb(3), when the server has asked.  One alone is set: in TLS 1.2
 * OpenSSL's client looks at no other. */
static int
on_cert_requested(SSL *ssl, void *arg)
{
    const struct tls_client_certs *certs = arg;
    const STACK_OF(X509_NAME) *authorities = SSL_get0_peer_CA_list(ssl);

    SSL_certs_clear(ssl);
    for (size_t i = 0; i < certs->count; i++) {
        const struct tls_certkey *pair = &certs->items[i].pair;

        if (has_authority(authorities, pair) && can_sign(ssl, pair))
            return SSL_use_cert_and_key(
                       ssl, pair->leaf, pair->key, pair->chain, 1) == 1;
    }
    return 1;
}

/* CRYPTO_EX_free */
static void
free_attached_certs(void *parent, void *certs, CRYPTO_EX_DATA *data, int index,
    long l, void *arg)
{
    (void)parent, (void)data, (void)index, (void)l, (void)arg;
    tls_client_certs_free(certs);
}

static void
make_certs_slot(void)
{
    certs_slot =
        SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_attached_certs);
}

bool
tls_client_certs_install(SSL_CTX *ctx, struct tls_client_certs *certs)
{
    if (certs->count < 2) {
        tls_client_certs_free(certs);
        return true;
    }
    CRYPTO_THREAD_run_once(&slot_once, make_certs_slot);
    if (certs_slot < 0 || SSL_CTX_set_ex_data(ctx, certs_slot, certs) != 1) {
        tls_client_certs_free(certs);
        return false;
    }
    SSL_CTX_set_cert_cb(ctx, on_cert_requested, certs);
    return true;
}

const struct tls_client_certs *
tls_client_certs_of(const SSL_CTX *ctx)
{
    return certs_slot >= 0 ? SSL_CTX_get_ex_data(ctx, certs_slot) : NULL;
}

size_t
tls_client_certs_count(const struct tls_client_certs *certs)
{
    return certs->count;
}

const struct tls_certkey *
tls_client_certs_at(const struct tls_client_certs *certs, size_t index)
{
    return &certs->items[index].pair;
}

bool
tls_client_certs_is_listed(const struct tls_client_certs *certs, size_t index)
{
    return certs->items[index].listed;
}
