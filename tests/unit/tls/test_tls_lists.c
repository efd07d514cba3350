/* Lists of ciphers, groups and signature algorithms with a slip in them: what is
 * said of it. */
#include <criterion/criterion.h>
#include <openssl/crypto.h>

#include <stdio.h>
#include <string.h>

#include "handshake.h"
#include "pki.h"

static char service_name[] = "test";
static struct pki leaf;
static char *both;

static void
set_up(void)
{
    handshake_log(pki_text("log", "", 0));
    leaf = pki_make(
        &(struct pki_spec){ .cn = "leaf", .san = "DNS:a.example" }, NULL);
    both = pki_both("leaf.pem", &leaf);
}

static void
tear_down(void)
{
    pki_free(&leaf);
    pki_clean();
}

TestSuite(tls_lists, .init = set_up, .fini = tear_down);

Test(tls_lists, says_what_to_write)
{
    static const struct {
        const char *ciphers, *ciphersuites, *groups, *sigalgs;
        const char *said; /* "": it is fine */
        unsigned long fine_since; /* OpenSSL's version; 0: none */
    } cases[] = {
        { .ciphers = "TLS_AES_128_GCM_SHA256", .said = "listen.ciphers: "
            "\"TLS_AES_128_GCM_SHA256\": TLS_AES_128_GCM_SHA256 is a cipher "
            "suite of TLS 1.3; move it to listen.ciphersuites" },
        { .ciphers = "ECDHE+AESGCM:TLS_CHACHA20_POLY1305_SHA256", .said =
            "TLS_CHACHA20_POLY1305_SHA256 is a cipher suite of TLS 1.3; move "
            "it to listen.ciphersuites" },
        { .ciphers = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", .said =
            "write ECDHE-ECDSA-AES128-GCM-SHA256 for "
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, as OpenSSL calls it",
            .fine_since = 0x30500000 },
        { .ciphers = "ECDHE+AES-129", .said = "knows no \"ECDHE+AES-129\"" },
        { .ciphersuites = "ECDHE-ECDSA-AES128-GCM-SHA256", .said =
            "listen.ciphersuites: \"ECDHE-ECDSA-AES128-GCM-SHA256\": "
            "ECDHE-ECDSA-AES128-GCM-SHA256 is a cipher of TLS 1.2; move it to "
            "listen.ciphers" },
        { .ciphersuites = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", .said =
            "is a cipher of TLS 1.2; move it to listen.ciphers" },
        { .ciphersuites = "TLS_AES_512", .said = "knows no \"TLS_AES_512\"" },
        { .groups = "X25519:P256", .said = "listen.groups: \"X25519:P256\": "
            "OpenSSL 3." },
        { .groups = "X25519:P256", .said = " knows no group \"P256\"; did you "
            "mean \"P-256\"? (it knows X25519, P-256, P-384, P-521, X448" },
        { .groups = "X25519:curve", .said = " knows no group \"curve\" (it "
            "knows X25519, " },
        { .groups = "x22519", .said = "did you mean \"X25519\"?" },
        { .groups = "X25519:X25519", .said = "each group may stand there "
            "once", .fine_since = 0x30500000 },
        { .groups = "secp384r1:prime256v1", .said = "" },
        { .sigalgs = "ecdsa+sha256", .said = "knows no signature algorithm "
            "\"ecdsa+sha256\"; did you mean \"ECDSA+SHA256\"?",
            .fine_since = 0x30500000 },
        { .sigalgs = "RSA+MD6", .said = "listen.sigalgs: \"RSA+MD6\": OpenSSL "
            "3." },
        { .sigalgs = "ECDSA+SHA256:ECDSA+SHA256", .said = "each algorithm may "
            "stand there once", .fine_since = 0x30300000 },
        { .sigalgs = "ECDSA+SHA256:rsa_pss_rsae_sha256", .said = "" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct service_config service = { .name = service_name,
            .listen_leg = LEG(.cert = { &both, 1 },
                .ciphers = (char *)cases[i].ciphers,
                .ciphersuites = (char *)cases[i].ciphersuites,
                .groups = (char *)cases[i].groups,
                .sigalgs = (char *)cases[i].sigalgs) };
        char messages[1024] = "";
        struct tls_context *context = handshake_context(
            &service, TLS_ACCEPT, messages, sizeof(messages));
        bool fine = cases[i].fine_since != 0 &&
            OpenSSL_version_num() >= cases[i].fine_since;
        const char *said = fine ? "" : cases[i].said;

        cr_expect_eq(context != NULL, *said == '\0', "%zu: %s", i, messages);
        cr_expect_not_null(strstr(messages, said), "%zu: %s", i, messages);
        tls_context_free(context);
    }
}
