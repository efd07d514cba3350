/* Keys, and lists of signatures that they can make or cannot. */
#include "tls/tls_sigalgs.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "handshake.h"
#include "pki.h"

static char service_name[] = "test";
static char *log_path;

static void
set_up(void)
{
    log_path = pki_text("log", "", 0);
    handshake_log(log_path);
}

TestSuite(tls_sigalgs, .init = set_up, .fini = pki_clean);

/* What the log has; it is empty then. */
static const char *
logged(void)
{
    static char text[4096];
    FILE *file = fopen(log_path, "r+");
    size_t length;

    cr_assert_not_null(file);
    length = fread(text, 1, sizeof(text) - 1, file);
    text[length] = '\0';
    fclose(file);
    fclose(fopen(log_path, "w"));
    return text;
}

/* "": nothing is said. */
struct judged {
    const char *kind, *list;
    enum tls_version min, max;
    const char *fault, *warning;
};

static const struct judged cases[] = {
    { "P-256", "ECDSA+SHA256", TLS_VERSION_1_2, TLS_VERSION_1_3, "", "" },
    { "P-256", "ecdsa_secp256r1_sha256:ed25519", TLS_VERSION_1_2,
        TLS_VERSION_1_3, "", "" },
    { "P-256", "RSA-PSS+SHA256:RSA+SHA256", TLS_VERSION_1_2, TLS_VERSION_1_3,
        "listen.sigalgs: \"RSA-PSS+SHA256:RSA+SHA256\": none of these can be "
        "made with the key of ", "" },
    { "P-256", "RSA-PSS+SHA256", TLS_VERSION_1_2, TLS_VERSION_1_3,
        "leaf.pem (prime256v1), so that no peer could use its certificate; "
        "add ECDSA+SHA256", "" },
    { "P-384", "ECDSA+SHA256", TLS_VERSION_1_2, TLS_VERSION_1_3, "",
        "(secp384r1) in TLS 1.3; add ECDSA+SHA384" },
    { "P-384", "ECDSA+SHA256", TLS_VERSION_1_3, TLS_VERSION_1_3,
        "add ECDSA+SHA384", "" },
    { "P-384", "ECDSA+SHA256", TLS_VERSION_1_2, TLS_VERSION_1_2, "", "" },
    { "P-521", "ECDSA+sha512", TLS_VERSION_1_2, TLS_VERSION_1_3, "", "" },
    { "RSA", "RSA+SHA256", TLS_VERSION_1_2, TLS_VERSION_1_3, "",
        "(rsaEncryption) in TLS 1.3; add RSA-PSS+SHA256" },
    { "RSA", "rsa_pss_rsae_sha256", TLS_VERSION_1_2, TLS_VERSION_1_3, "", "" },
    { "RSA", "ECDSA+SHA256:ECDSA+SHA384", TLS_VERSION_1_2, TLS_VERSION_1_3,
        "add RSA-PSS+SHA256", "" },
    { "RSA-PSS", "rsa_pss_rsae_sha256", TLS_VERSION_1_2, TLS_VERSION_1_3,
        "add rsa_pss_pss_sha256", "" },
    { "RSA-PSS", "rsa_pss_pss_sha256", TLS_VERSION_1_2, TLS_VERSION_1_3, "",
        "" },
    { "ED25519", "ed25519", TLS_VERSION_1_2, TLS_VERSION_1_3, "", "" },
    { "ED25519", "ed448:ECDSA+SHA256", TLS_VERSION_1_2, TLS_VERSION_1_3,
        "(ED25519), so that no peer could use its certificate; add ed25519",
        "" },
    /* A word of which nothing is known here says nothing of the others. */
    { "P-256", "RSA+SHA256:DSA+SHA256", TLS_VERSION_1_2, TLS_VERSION_1_3, "",
        "" },
};

Test(tls_sigalgs, says_which_keys_can_make_none)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct judged *one = &cases[i];
        struct pki leaf = pki_make(&(struct pki_spec){ .cn = "leaf",
            .san = "DNS:a.example", .kind = one->kind }, NULL);
        char *file = pki_both("leaf.pem", &leaf), messages[1024] = "";
        struct service_config service = { .name = service_name,
            .listen_leg = LEG(.cert = STRINGS(file),
                .sigalgs = (char *)one->list) };
        struct tls_context *context;
        const char *said;

        service.listen_leg.min_version = one->min;
        service.listen_leg.max_version = one->max;
        context = handshake_context(
            &service, TLS_ACCEPT, messages, sizeof(messages));
        said = logged();
        cr_expect_eq(
            context != NULL, *one->fault == '\0', "%zu: %s", i, messages);
        cr_expect_not_null(
            strstr(messages, one->fault), "%zu: %s", i, messages);
        cr_expect_not_null(strstr(said, one->warning), "%zu: %s", i, said);
        cr_expect_eq(strstr(said, "none of these") != NULL,
            *one->warning != '\0', "%zu: %s", i, said);
        tls_context_free(context);
        pki_free(&leaf);
        remove(file);
    }
}

/* What is said must be so: the library's own handshakes. */
Test(tls_sigalgs, agrees_with_handshakes)
{
    static const enum tls_version versions[] = { TLS_VERSION_1_2,
        TLS_VERSION_1_3 };

    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct judged *one = &cases[i];
        struct pki leaf = pki_make(&(struct pki_spec){ .cn = "leaf",
            .san = "DNS:a.example", .kind = one->kind }, NULL);
        char *file = pki_both("leaf.pem", &leaf);

        for (size_t j = 0; *one->fault == '\0' && j < COUNT(versions) &&
            strstr(one->list, ":DSA+") == NULL; j++) {
            struct service_config service = { .name = service_name,
                .listen_leg = LEG(.cert = STRINGS(file),
                    .sigalgs = (char *)one->list),
                .connect_leg = LEG(.verify = VERIFY_REQUIRED,
                    .ca = STRINGS(file)) };
            bool speaks = versions[j] >= one->min && versions[j] <= one->max;
            bool left_out = strstr(one->warning,
                versions[j] == TLS_VERSION_1_2 ? "1.2" : "1.3") != NULL;
            struct handshake shake;

            service.connect_leg.min_version = versions[j];
            service.connect_leg.max_version = versions[j];
            service.listen_leg.min_version = one->min;
            service.listen_leg.max_version = one->max;
            shake = handshake_run(&service, "a.example");
            cr_expect_eq(shake.client_done && shake.server_done,
                speaks && !left_out, "%zu, %zu: %s", i, j,
                shake.server_reason);
            handshake_free(&shake);
        }
        pki_free(&leaf);
        remove(file);
    }
}
