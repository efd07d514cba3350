#include "tls/tls_provider.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>

#include <string.h>

#include <criterion/criterion.h>

#include "handshake.h"
#include "pki.h"
#include "tls/tls_remote_key.h"

static const char *const kinds[] = { "RSA", "P-256", "P-521", "ED25519",
    "ED448" };

static struct pki leaf;
static struct tls_signer no_signer;
static EVP_PKEY *key;

static void
tear_down(void)
{
    pki_clean();
}

TestSuite(tls_provider, .fini = tear_down, .timeout = 60);

static void
begin(const char *kind)
{
    leaf = pki_make(&(struct pki_spec){ .cn = "leaf", .kind = kind }, NULL);
    key = tls_remote_key_key(leaf.cert, &no_signer);
    cr_assert_not_null(key);
    cr_expect_eq(ERR_peek_error(), 0);
}

static void
end(void)
{
    EVP_PKEY_free(key);
    pki_free(&leaf);
}

static bool
is_ours(const OSSL_PROVIDER *provider)
{
    return strcmp(OSSL_PROVIDER_get0_name(provider), "sallyport") == 0;
}

static void
expect_theirs(void)
{
    static const char *const keys[] = { "RSA", "EC", "ED25519", "ED448" };
    static const char *const signatures[] = { "RSA", "ECDSA", "ED25519",
        "ED448" };

    for (size_t i = 0; i < COUNT(keys); i++) {
        EVP_KEYMGMT *keymgmt = EVP_KEYMGMT_fetch(NULL, keys[i], NULL);
        EVP_SIGNATURE *signature =
            EVP_SIGNATURE_fetch(NULL, signatures[i], NULL);

        cr_expect_not(is_ours(EVP_KEYMGMT_get0_provider(keymgmt)));
        cr_expect_not(is_ours(EVP_SIGNATURE_get0_provider(signature)));
        EVP_KEYMGMT_free(keymgmt);
        EVP_SIGNATURE_free(signature);
    }
}

Test(tls_provider, is_loaded_once)
{
    cr_expect(tls_provider_load());
    cr_expect(tls_provider_load());
    cr_expect_eq(OSSL_PROVIDER_available(NULL, "sallyport"), 1);
    cr_expect_eq(OSSL_PROVIDER_available(NULL, "default"), 1);
    cr_expect_eq(ERR_peek_error(), 0);
    expect_theirs();
}

/* Code that does not ask for a kept key never gets one. */
Test(tls_provider, leaves_everything_else_to_others)
{
    for (size_t i = 0; i < COUNT(kinds); i++) {
        unsigned char *der = NULL;
        const unsigned char *at;
        BIO *bio = BIO_new(BIO_s_mem());
        EVP_PKEY *read;
        X509 *again;
        int length;

        begin(kinds[i]);
        cr_expect(is_ours(EVP_PKEY_get0_provider(key)));
        expect_theirs();
        length = i2d_X509(leaf.cert, &der);
        at = der;
        again = d2i_X509(NULL, &at, length);
        cr_expect_not(
            is_ours(EVP_PKEY_get0_provider(X509_get0_pubkey(again))));
        cr_expect_eq(X509_verify(again, leaf.key), 1);
        PEM_write_bio_PrivateKey(bio, leaf.key, NULL, NULL, 0, NULL, NULL);
        read = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
        cr_assert_not_null(read);
        cr_expect_not(is_ours(EVP_PKEY_get0_provider(read)));
        cr_expect_eq(X509_sign(again, read,
            i < 3 ? EVP_sha256() : NULL) > 0, 1);
        EVP_PKEY_free(read);
        X509_free(again);
        OPENSSL_free(der);
        BIO_free(bio);
        end();
    }
}

Test(tls_provider, knows_what_is_public)
{
    struct pki other;

    for (size_t i = 0; i < COUNT(kinds); i++) {
        EVP_PKEY *known;

        begin(kinds[i]);
        known = X509_get0_pubkey(leaf.cert);
        other = pki_make(&(struct pki_spec){ .kind = kinds[i] }, NULL);
        cr_expect_eq(EVP_PKEY_get_bits(key), EVP_PKEY_get_bits(known));
        cr_expect_eq(EVP_PKEY_get_size(key), EVP_PKEY_get_size(known));
        cr_expect_eq(EVP_PKEY_get_security_bits(key),
            EVP_PKEY_get_security_bits(known));
        cr_expect_eq(tls_kind_of(key), tls_kind_of(known));
        cr_expect_eq(X509_check_private_key(leaf.cert, key), 1);
        cr_expect_neq(X509_check_private_key(other.cert, key), 1);
        ERR_clear_error();
        pki_free(&other);
        end();
    }
}

Test(tls_provider, gives_no_private_half)
{
    for (size_t i = 0; i < COUNT(kinds); i++) {
        OSSL_PARAM *params = NULL;
        BIO *bio = BIO_new(BIO_s_mem());

        begin(kinds[i]);
        cr_expect_neq(EVP_PKEY_todata(key, EVP_PKEY_KEYPAIR, &params), 1);
        cr_expect_neq(PEM_write_bio_PrivateKey(
            bio, key, NULL, NULL, 0, NULL, NULL), 1);
        cr_expect_eq(EVP_PKEY_todata(key, EVP_PKEY_PUBLIC_KEY, &params), 1);
        OSSL_PARAM_free(params);
        BIO_free(bio);
        ERR_clear_error();
        end();
    }
}

/* There is no handshake here that could wait for it. */
Test(tls_provider, signs_in_handshakes_only)
{
    for (size_t i = 0; i < COUNT(kinds); i++) {
        EVP_MD_CTX *ctx = EVP_MD_CTX_new();
        unsigned char signature[TLS_SIGNATURE_MAX];
        size_t length = 0;

        begin(kinds[i]);
        cr_assert_eq(EVP_DigestSignInit_ex(ctx, NULL,
            i < 3 ? "SHA256" : NULL, NULL, NULL, key, NULL), 1);
        cr_expect_eq(EVP_DigestSign(
            ctx, NULL, &length, (const unsigned char *)"x", 1), 1);
        cr_expect_eq(length, (size_t)EVP_PKEY_get_size(key));
        cr_expect_neq(EVP_DigestSign(
            ctx, signature, &length, (const unsigned char *)"x", 1), 1);
        EVP_MD_CTX_free(ctx);
        ERR_clear_error();
        end();
    }
}

Test(tls_provider, refuses_what_tls_has_no_use_for)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_ctx = NULL;

    begin("RSA");
    cr_expect_neq(EVP_DigestSignInit_ex(
        ctx, NULL, "MD5", NULL, NULL, key, NULL), 1);
    EVP_MD_CTX_reset(ctx);
    cr_assert_eq(EVP_DigestSignInit_ex(
        ctx, &key_ctx, "SHA256", NULL, NULL, key, NULL), 1);
    cr_expect_leq(EVP_PKEY_CTX_set_rsa_padding(key_ctx, RSA_NO_PADDING), 0);
    cr_expect_eq(EVP_PKEY_CTX_set_rsa_padding(
        key_ctx, RSA_PKCS1_PSS_PADDING), 1);
    cr_expect_leq(EVP_PKEY_CTX_set_rsa_pss_saltlen(
        key_ctx, RSA_PSS_SALTLEN_MAX), 0);
    cr_expect_leq(EVP_PKEY_CTX_set_rsa_pss_saltlen(key_ctx, 20), 0);
    cr_expect_eq(EVP_PKEY_CTX_set_rsa_pss_saltlen(
        key_ctx, RSA_PSS_SALTLEN_DIGEST), 1);
    EVP_MD_CTX_free(ctx);
    ERR_clear_error();
    end();
}

/* Key data of another provider, or of none. */
Test(tls_provider, imports_what_was_made_for_it_only)
{
    OSSL_PARAM *params = NULL;
    EVP_PKEY *made = NULL;
    EVP_PKEY_CTX *ctx;

    begin("P-256");
    ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", "provider=sallyport");
    cr_assert_not_null(ctx);
    cr_expect_eq(EVP_PKEY_todata(leaf.key, EVP_PKEY_KEYPAIR, &params), 1);
    cr_expect_eq(EVP_PKEY_fromdata_init(ctx), 1);
    cr_expect_neq(
        EVP_PKEY_fromdata(ctx, &made, EVP_PKEY_KEYPAIR, params), 1);
    cr_expect_null(made);
    OSSL_PARAM_free(params);
    EVP_PKEY_CTX_free(ctx);
    ERR_clear_error();
    end();
}

Test(tls_provider, keeps_no_other_kind)
{
    struct pki pss = pki_make(&(struct pki_spec){ .kind = "RSA-PSS" }, NULL);

    cr_expect_null(tls_remote_key_key(pss.cert, &no_signer));
    pki_free(&pss);
}
