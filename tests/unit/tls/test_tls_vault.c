#include "tls/tls_vault.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/error.h"
#include "config/config.h"
#include "handshake.h"
#include "pki.h"
#include "tls/tls_key_kind.h"
#include "tls/tls_remote_key.h"

static struct error error;
static struct endpoint tls = { .tls = true };

static void
set_up(void)
{
    handshake_log(pki_text("log", "", 0));
}

static void
tear_down(void)
{
    error_clear(&error);
    pki_clean();
}

TestSuite(tls_vault, .init = set_up, .fini = tear_down, .timeout = 60);

static struct tls_vault *
vault_of(struct service_config *service)
{
    struct config config = { .services = service, .service_count = 1 };
    struct tls_vault *vault;

    service->name = (char *)"test";
    service->listen = service->connect = (struct endpoints){ &tls, 1 };
    vault = tls_vault_new(&config, NULL, &error);
    cr_expect_eq(ERR_peek_error(), 0);
    return vault;
}

static struct tls_vault *
vault_with(char *cert)
{
    struct service_config service = {
        .listen_leg = LEG(.cert = STRINGS(cert)),
    };
    struct tls_vault *vault = vault_of(&service);

    cr_assert_not_null(vault, "%s",
        error.count > 0 ? error.messages[0] : "");
    return vault;
}

static void
expect_fault(struct service_config service, const char *text)
{
    cr_expect_null(vault_of(&service));
    cr_expect_eq(error.count, 1);
    cr_expect(error.count > 0 && strstr(error.messages[0], text) != NULL,
        "%s: %s", text, error.count > 0 ? error.messages[0] : "");
    error_clear(&error);
}

/* What the peer of a handshake does with the signature. */
static bool
verifies(EVP_PKEY *key, const struct tls_sign_request *request,
    const unsigned char *signature, size_t length)
{
    EVP_MD_CTX *md_ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    bool good;

    if (request->scheme == TLS_SIGN_EDDSA) {
        good = EVP_DigestVerifyInit(md_ctx, NULL, NULL, NULL, key) == 1 &&
            EVP_DigestVerify(md_ctx, signature, length, request->bytes,
                request->length) == 1;
    } else {
        good = EVP_PKEY_verify_init(ctx) == 1;
        if (request->scheme == TLS_SIGN_RSA_PSS)
            good = good && EVP_PKEY_CTX_set_rsa_padding(
                ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
                EVP_PKEY_CTX_set_rsa_pss_saltlen(
                    ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
        good = good && EVP_PKEY_CTX_set_signature_md(
            ctx, tls_kind_digest(request->digest)) == 1 &&
            EVP_PKEY_verify(ctx, signature, length, request->bytes,
                request->length) == 1;
    }
    EVP_PKEY_CTX_free(ctx);
    EVP_MD_CTX_free(md_ctx);
    ERR_clear_error();
    return good;
}

static size_t
length_of(enum tls_sign_digest digest)
{
    return digest == TLS_DIGEST_NONE ? 1000
        : (size_t)EVP_MD_get_size(tls_kind_digest(digest));
}

/* Every scheme with every digest: what the key can do is verified, all else is
 * refused. */
static size_t
try_all(const struct tls_vault *vault, const struct pki *leaf)
{
    static const unsigned char bytes[1000] = { 7 };
    unsigned char signature[TLS_SIGNATURE_MAX];
    struct tls_sign_request request = { .bytes = bytes };
    size_t signatures = 0, length;

    cr_assert(tls_remote_key_name(leaf->cert, &request.key));
    for (unsigned i = 0; i < TLS_SIGN_SCHEME_COUNT; i++)
        for (unsigned j = 0; j < TLS_DIGEST_COUNT; j++) {
            request.scheme = (enum tls_sign_scheme)i;
            request.digest = (enum tls_sign_digest)j;
            request.length = length_of(request.digest);
            length = tls_vault_sign(vault, &request, signature);
            cr_expect_eq(ERR_peek_error(), 0);
            if (length == 0)
                continue;
            signatures++;
            cr_expect(verifies(leaf->key, &request, signature, length));
        }
    return signatures;
}

Test(tls_vault, signs_as_each_kind_of_key_can)
{
    static const struct {
        const char *kind;
        size_t signatures;
    } cases[] = {
        { "RSA", 10 }, { "P-256", 5 }, { "P-384", 5 }, { "P-521", 5 },
        { "secp256k1", 5 }, { "ED25519", 1 }, { "ED448", 1 },
        { "RSA1024", 9 }, /* too small for PSS with SHA-512 */
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pki leaf =
            pki_make(&(struct pki_spec){ .kind = cases[i].kind }, NULL);
        struct tls_vault *vault =
            vault_with(pki_both(cases[i].kind, &leaf));

        cr_expect_eq(tls_vault_count(vault), 1);
        cr_expect_eq(try_all(vault, &leaf), cases[i].signatures, "%s",
            cases[i].kind);
        tls_vault_free(vault);
        pki_free(&leaf);
    }
}

Test(tls_vault, believes_nothing)
{
    static const unsigned char bytes[TLS_SIGN_BYTES_MAX + 1];
    static const struct {
        int scheme, digest;
        size_t length;
    } cases[] = {
        { TLS_SIGN_ECDSA, TLS_DIGEST_SHA256, 0 },
        { TLS_SIGN_ECDSA, TLS_DIGEST_SHA256, 31 },
        { TLS_SIGN_ECDSA, TLS_DIGEST_SHA256, 33 },
        { TLS_SIGN_ECDSA, TLS_DIGEST_SHA256, SIZE_MAX },
        { TLS_SIGN_ECDSA, TLS_DIGEST_NONE, 32 },
        { TLS_SIGN_ECDSA, TLS_DIGEST_COUNT, 32 },
        { TLS_SIGN_ECDSA, -1, 32 },
        { TLS_SIGN_RSA_PKCS1, TLS_DIGEST_SHA256, 32 },
        { TLS_SIGN_RSA_PSS, TLS_DIGEST_SHA256, 32 },
        { TLS_SIGN_EDDSA, TLS_DIGEST_NONE, 32 },
        { TLS_SIGN_EDDSA, TLS_DIGEST_NONE, 0 },
        { TLS_SIGN_EDDSA, TLS_DIGEST_NONE, TLS_SIGN_BYTES_MAX + 1 },
        { TLS_SIGN_SCHEME_COUNT, TLS_DIGEST_SHA256, 32 },
        { -1, TLS_DIGEST_SHA256, 32 },
        { 1 << 30, 1 << 30, 32 },
    };
    struct pki leaf = pki_make(&(struct pki_spec){ .cn = "leaf" }, NULL);
    struct tls_vault *vault = vault_with(pki_both("leaf.pem", &leaf));
    unsigned char signature[TLS_SIGNATURE_MAX];
    struct tls_sign_request request = { .bytes = bytes };

    cr_assert(tls_remote_key_name(leaf.cert, &request.key));
    for (size_t i = 0; i < COUNT(cases); i++) {
        request.scheme = (enum tls_sign_scheme)cases[i].scheme;
        request.digest = (enum tls_sign_digest)cases[i].digest;
        request.length = cases[i].length;
        cr_expect_eq(tls_vault_sign(vault, &request, signature), 0, "%zu", i);
        cr_expect_eq(ERR_peek_error(), 0);
    }
    request.scheme = TLS_SIGN_ECDSA;
    request.digest = TLS_DIGEST_SHA256;
    request.length = 32;
    cr_expect_gt(tls_vault_sign(vault, &request, signature), 0);
    request.key.bytes[31] ^= 1;
    cr_expect_eq(tls_vault_sign(vault, &request, signature), 0);
    tls_vault_free(vault);
    pki_free(&leaf);
}

/* One key is one key, however many legs and certificates name it. */
Test(tls_vault, counts_keys_once)
{
    struct pki one = pki_make(&(struct pki_spec){ .cn = "one" }, NULL);
    struct pki other = pki_make(&(struct pki_spec){ .kind = "RSA" }, NULL);
    char *one_file = pki_both("one.pem", &one);
    char *other_file = pki_both("other.pem", &other);
    struct service_config service = {
        .listen_leg = LEG(.cert = STRINGS(one_file, other_file)),
        .connect_leg = LEG(.cert = STRINGS(one_file)),
    };
    struct tls_vault *vault = vault_of(&service);

    cr_assert_not_null(vault);
    cr_expect_eq(tls_vault_count(vault), 2);
    cr_expect_eq(try_all(vault, &one), 5);
    cr_expect_eq(try_all(vault, &other), 10);
    tls_vault_free(vault);
    pki_free(&one);
    pki_free(&other);
}

Test(tls_vault, is_needed_where_a_tls_leg_has_a_certificate)
{
    char *file = (char *)"leaf.pem";
    struct service_config service = {
        .connect_leg = LEG(.cert = STRINGS(file)),
    };
    struct config config = { .services = &service, .service_count = 1 };

    cr_expect_not(tls_vault_is_needed(&config)); /* the leg is plain */
    service.listen = (struct endpoints){ &tls, 1 };
    cr_expect_not(tls_vault_is_needed(&config));
    service.connect = (struct endpoints){ &tls, 1 };
    cr_expect(tls_vault_is_needed(&config));
}

Test(tls_vault, is_empty_without_certificates)
{
    struct service_config service = { .connect_leg = LEG(.cert = { 0 }) };
    struct tls_vault *vault = vault_of(&service);
    struct tls_sign_request request = { .scheme = TLS_SIGN_ECDSA,
        .digest = TLS_DIGEST_SHA256, .length = 32 };
    unsigned char signature[TLS_SIGNATURE_MAX];

    cr_assert_not_null(vault);
    cr_expect_eq(tls_vault_count(vault), 0);
    cr_expect_eq(tls_vault_sign(vault, &request, signature), 0);
    tls_vault_free(vault);
}

Test(tls_vault, opens_keys_with_a_passphrase)
{
    struct pki leaf = pki_make(&(struct pki_spec){ .kind = "RSA" }, NULL);
    char *cert = pki_cert("leaf.pem", &leaf);
    char *key = pki_key("leaf.key", &leaf, "open sesame");
    struct service_config service = {
        .listen_leg = LEG(.cert = STRINGS(cert), .key = STRINGS(key),
            .passphrase_file = pki_text("word", "open sesame\n", 12)),
    };
    struct tls_vault *vault = vault_of(&service);

    cr_assert_not_null(vault);
    cr_expect_eq(try_all(vault, &leaf), 10);
    tls_vault_free(vault);
    service.listen_leg.passphrase_file = NULL;
    expect_fault(service, "the private key is encrypted");
    pki_free(&leaf);
}

/* Promise 36 */
Test(tls_vault, says_what_it_cannot_keep)
{
    struct pki pss = pki_make(&(struct pki_spec){ .kind = "RSA-PSS" }, NULL);
    struct pki leaf = pki_make(&(struct pki_spec){ .kind = "RSA" }, NULL);
    struct pki other = pki_make(&(struct pki_spec){ .kind = "RSA" }, NULL);
    char *pss_file = pki_both("pss.pem", &pss);
    char *cert = pki_cert("leaf.pem", &leaf);
    char *key = pki_key("leaf.key", &leaf, NULL);
    char *wrong = pki_key("other.key", &other, NULL);
    struct service_config service = {
        .listen_leg = LEG(.cert = STRINGS(pss_file)),
    };

    expect_fault(service, "but not with this one (RSA-PSS, 2048 bits); use such a "
        "key, or set keeper = off in [global]");
    service.listen_leg.cert = (struct strings)STRINGS(cert);
    expect_fault(service, "has no private key");
    service.listen_leg.key = (struct strings)STRINGS(wrong);
    expect_fault(service, "does not belong to this certificate");
    service.listen_leg.key = (struct strings)STRINGS(key);
    service.listen_leg.ciphers = (char *)"AES128-GCM-SHA256:AES256-SHA";
    expect_fault(service, "has nothing but RSA key exchange, which the keeper "
        "does not do");
    pki_free(&pss);
    pki_free(&leaf);
    pki_free(&other);
}
