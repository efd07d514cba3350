/* Keys whose kind is known: their decoders are gathered once. */
#include "tls/tls_key_decode.h"

#include <criterion/criterion.h>

#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <string.h>

#include "base/error.h"
#include "config/config.h"
#include "handshake.h"
#include "pki.h"
#include "tls/tls_vault.h"

OSSL_DECODER_CTX *__real_OSSL_DECODER_CTX_new_for_pkey(EVP_PKEY **key,
    const char *input, const char *structure, const char *kind, int selection,
    OSSL_LIB_CTX *lib, const char *query);
OSSL_DECODER_CTX *__wrap_OSSL_DECODER_CTX_new_for_pkey(EVP_PKEY **key,
    const char *input, const char *structure, const char *kind, int selection,
    OSSL_LIB_CTX *lib, const char *query);
EVP_PKEY *__real_d2i_PrivateKey(
    int type, EVP_PKEY **key, const unsigned char **at, long length);
EVP_PKEY *__wrap_d2i_PrivateKey(
    int type, EVP_PKEY **key, const unsigned char **at, long length);

static unsigned gathered, slow;

OSSL_DECODER_CTX *
__wrap_OSSL_DECODER_CTX_new_for_pkey(EVP_PKEY **key, const char *input,
    const char *structure, const char *kind, int selection, OSSL_LIB_CTX *lib,
    const char *query)
{
    gathered++;
    return __real_OSSL_DECODER_CTX_new_for_pkey(
        key, input, structure, kind, selection, lib, query);
}

EVP_PKEY *
__wrap_d2i_PrivateKey(
    int type, EVP_PKEY **key, const unsigned char **at, long length)
{
    slow++;
    return __real_d2i_PrivateKey(type, key, at, length);
}

TestSuite(tls_key_decode, .fini = pki_clean, .timeout = 60);

static struct pki
make(const char *kind)
{
    return pki_make(
        &(struct pki_spec){ .cn = "leaf", .kind = kind }, NULL);
}

static EVP_PKEY *
decode(const struct pki *like, const struct pki *pki)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pki->key);
    unsigned char *der = NULL;
    int length = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
    EVP_PKEY *key;

    cr_assert_gt(length, 0);
    key = tls_key_decode(
        X509_get0_pubkey(like->cert), der, (size_t)length);
    OPENSSL_free(der);
    PKCS8_PRIV_KEY_INFO_free(info);
    return key;
}

Test(tls_key_decode, gathers_decoders_once_for_each_kind)
{
    static const char *const kinds[] = {
        "P-256", "RSA", "ED25519", "ED448", "P-384",
    };

    for (size_t i = 0; i < 2 * COUNT(kinds); i++) {
        struct pki one = make(kinds[i % COUNT(kinds)]);
        EVP_PKEY *key = decode(&one, &one);

        cr_assert_not_null(key, "%s", kinds[i % COUNT(kinds)]);
        cr_expect_eq(EVP_PKEY_eq(key, one.key), 1);
        EVP_PKEY_free(key);
        pki_free(&one);
    }
    cr_expect_eq(gathered, 4, "curves are one kind");
}

Test(tls_key_decode, a_bad_key_leaves_nothing_behind)
{
    struct pki one = make("P-256"), other = make("RSA"), pss = make("RSA-PSS");
    EVP_PKEY *key;

    cr_expect_null(tls_key_decode(X509_get0_pubkey(one.cert),
        (const unsigned char *)"no key", 6));
    cr_expect_null(decode(&one, &other));
    cr_expect_null(decode(&pss, &pss));
    key = decode(&one, &one);
    cr_assert_not_null(key);
    cr_expect_eq(EVP_PKEY_eq(key, one.key), 1);
    EVP_PKEY_free(key);
    pki_free(&one);
    pki_free(&other);
    pki_free(&pss);
    ERR_clear_error();
}

/* As services have them that name files of their own. */
Test(tls_key_decode, is_how_the_keys_of_services_are_read)
{
    struct pki one = make("P-256"), other = make("P-256");
    char *paths[] = { pki_both("one.pem", &one), pki_both("two.pem", &other) };
    struct endpoint tls = { .tls = true };
    struct service_config services[COUNT(paths)];
    struct config config = {
        .services = services, .service_count = COUNT(paths),
    };
    struct error error = { .count = 0 };
    struct tls_vault *vault;

    for (size_t i = 0; i < COUNT(paths); i++)
        services[i] = (struct service_config){
            .name = (char *)"test", .listen = { &tls, 1 },
            .listen_leg = LEG(.cert = { &paths[i], 1 }),
        };
    vault = tls_vault_new(&config, NULL, &error);
    cr_assert_not_null(vault);
    cr_expect_eq(tls_vault_count(vault), COUNT(paths));
    cr_expect_eq(gathered, 1);
    cr_expect_eq(slow, 0);
    tls_vault_free(vault);
    pki_free(&one);
    pki_free(&other);
}
