/* What a connection holds after its handshake.  Promises 19 and 40: an idle
 * connection costs no more with OpenSSL 3.5 than what that library cannot
 * free. */
#include "tls/tls_key_shares.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <criterion/criterion.h>

#include "handshake.h"
#include "pki.h"

static const struct {
    enum tls_version version;
    const char *groups; /* NULL: the default */
} cases[] = {
    { TLS_VERSION_1_3, NULL },
    { TLS_VERSION_1_3, "P-256" },
    { TLS_VERSION_1_2, NULL },
};

/* True if the peer's ephemeral key is there, and no empty one. */
static bool
has_key(SSL *ssl)
{
    EVP_PKEY *key = NULL;
    bool has = SSL_get_peer_tmp_key(ssl, &key) == 1 &&
        EVP_PKEY_get0_provider(key) != NULL;

    EVP_PKEY_free(key);
    ERR_clear_error();
    return has;
}

/* A message that is no data ends an SSL_read() without any. */
static void
expect_byte(SSL *from, SSL *to)
{
    char byte = 0;
    int got = 0;

    cr_expect_eq(SSL_write(from, "x", 1), 1);
    for (int i = 0; i < 4 && got != 1; i++)
        got = SSL_read(to, &byte, 1);
    cr_expect(got == 1 && byte == 'x');
    ERR_clear_error();
}

/* Both directions, with new traffic keys where the version has them. */
static void
expect_carries(SSL *from, SSL *to)
{
    if (SSL_version(from) == TLS1_3_VERSION)
        cr_expect_eq(SSL_key_update(from, SSL_KEY_UPDATE_REQUESTED), 1);
    expect_byte(from, to);
    expect_byte(to, from);
}

Test(tls_key_shares, are_empty_and_data_goes_on)
{
    struct pki self = pki_ca("a.example", NULL);
    char *file = pki_both("both.pem", &self);
    struct service_config service = {
        .name = (char[]){ "test" },
        .listen_leg = LEG(.cert = { &file, 1 }),
        .connect_leg = LEG(.verify = VERIFY_NONE),
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct handshake shake;

        service.connect_leg.max_version = cases[i].version;
        service.connect_leg.groups = (char *)cases[i].groups;
        shake = handshake_run(&service, NULL);
        cr_assert(shake.client_done && shake.server_done, "%s %s",
            shake.client_reason, shake.server_reason);
        cr_expect(has_key(shake.client) || has_key(shake.server),
            "case %zu", i);
        tls_key_shares_release(shake.client);
        tls_key_shares_release(shake.server);
        cr_expect_eq(ERR_peek_error(), 0UL);
        cr_expect_not(has_key(shake.server), "case %zu", i);
        cr_expect_not(has_key(shake.client), "case %zu", i);
        expect_carries(shake.client, shake.server);
        expect_carries(shake.server, shake.client);
        tls_key_shares_release(shake.server);   /* once more does no harm */
        handshake_free(&shake);
    }
    pki_free(&self);
    pki_clean();
}
