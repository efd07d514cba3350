/* Certificates on curves that peers can use, and on others. */
#include "tls/tls_curves.h"

#include <criterion/criterion.h>

#include <openssl/objects.h>
#include <openssl/ssl.h>

#include <stdio.h>
#include <string.h>

#include "handshake.h"
#include "pki.h"

static const enum tls_version versions[] = { TLS_VERSION_1_2, TLS_VERSION_1_3 };

static char service_name[] = "test";
static char *log_path;

static void
set_up(void)
{
    log_path = pki_text("log", "", 0);
    handshake_log(log_path);
}

TestSuite(tls_curves, .init = set_up, .fini = pki_clean);

/* OpenSSL's own client and server manage all of these with their defaults. */
Test(tls_curves, every_nist_curve_works_in_every_role)
{
    static const char *const kinds[] = { "P-256", "P-384", "P-521" };

    for (size_t i = 0; i < COUNT(kinds) * COUNT(kinds); i++) {
        struct pki server = pki_make(&(struct pki_spec){ .cn = "server",
            .san = "DNS:a.example", .kind = kinds[i / COUNT(kinds)] }, NULL);
        struct pki client = pki_make(&(struct pki_spec){ .cn = "client",
            .kind = kinds[i % COUNT(kinds)] }, NULL);
        char *server_file = pki_both("server.pem", &server);
        char *client_file = pki_both("client.pem", &client);
        struct service_config service = { .name = service_name,
            .listen_leg = LEG(.cert = STRINGS(server_file),
                .verify = VERIFY_REQUIRED, .ca = STRINGS(client_file)),
            .connect_leg = LEG(.cert = STRINGS(client_file),
                .verify = VERIFY_REQUIRED, .ca = STRINGS(server_file)) };

        for (size_t j = 0; j < COUNT(versions); j++) {
            struct handshake shake;

            service.connect_leg.max_version = versions[j];
            shake = handshake_run(&service, "a.example");
            cr_expect(shake.client_done && shake.server_done, "%zu, %zu: %s %s",
                i, j, shake.client_reason, shake.server_reason);
            handshake_free(&shake);
        }
        pki_free(&server);
        pki_free(&client);
        remove(server_file);
        remove(client_file);
    }
}

static bool
is_logged(const char *words)
{
    char text[4096];
    FILE *file = fopen(log_path, "r");
    size_t length = fread(text, 1, sizeof(text) - 1, file);

    fclose(file);
    text[length] = '\0';
    return strstr(text, words) != NULL;
}

Test(tls_curves, says_which_peers_cannot_use_a_certificate)
{
    static const struct {
        const char *kind, *groups;
        enum tls_version min, max;
        const char *fault, *warning;
    } cases[] = {
        { "P-521", NULL, TLS_VERSION_1_2, TLS_VERSION_1_3, NULL, NULL },
        { "RSA", "X25519", TLS_VERSION_1_2, TLS_VERSION_1_3, NULL, NULL },
        { "secp256k1", NULL, TLS_VERSION_1_2, TLS_VERSION_1_3,
            "no peer can use a certificate on the curve secp256k1", NULL },
        { "secp256k1", "secp256k1:P-256", TLS_VERSION_1_3, TLS_VERSION_1_3,
            "no peer can use a certificate on the curve secp256k1", NULL },
        { "secp256k1", "secp256k1:P-256", TLS_VERSION_1_2, TLS_VERSION_1_3,
            NULL, "peers can use it with TLS 1.2 only" },
        { "secp256k1", "secp256k1:P-256", TLS_VERSION_1_2, TLS_VERSION_1_2,
            NULL, NULL },
        { "P-384", "X25519:P-256", TLS_VERSION_1_2, TLS_VERSION_1_3, NULL,
            "is on the curve secp384r1, which is not in listen.groups" },
        { "P-384", "X25519:P-256", TLS_VERSION_1_2, TLS_VERSION_1_2,
            "on the curve secp384r1", NULL },
        { "P-384", "X25519:P-256", TLS_VERSION_1_3, TLS_VERSION_1_3, NULL,
            NULL },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pki leaf = pki_make(&(struct pki_spec){ .cn = "leaf",
            .kind = cases[i].kind }, NULL);
        char *file = pki_both("leaf.pem", &leaf), messages[1024];
        struct service_config service = { .name = service_name,
            .listen_leg = LEG(.cert = STRINGS(file),
                .groups = (char *)cases[i].groups) };
        struct tls_context *context;

        service.listen_leg.min_version = cases[i].min;
        service.listen_leg.max_version = cases[i].max;
        fclose(fopen(log_path, "w"));
        context = handshake_context(
            &service, TLS_ACCEPT, messages, sizeof(messages));
        cr_expect_eq(context == NULL, cases[i].fault != NULL, "%zu: %s", i,
            messages);
        cr_expect(cases[i].fault == NULL ||
            strstr(messages, cases[i].fault) != NULL, "%zu: %s", i, messages);
        cr_expect_eq(is_logged(cases[i].warning != NULL ? cases[i].warning :
            "curve"), cases[i].warning != NULL, "%zu", i);
        tls_context_free(context);
        pki_free(&leaf);
        remove(file);
    }
}

Test(tls_curves, knows_the_names_of_a_curve)
{
    static const struct {
        const char *list;
        int nid;
        bool lists;
    } cases[] = {
        { "X25519:P-256", NID_X9_62_prime256v1, true },
        { "prime256v1", NID_X9_62_prime256v1, true },
        { "X25519:P-256", NID_secp384r1, false },
        { "X25519/*secp384r1:?P-521", NID_secp384r1, true },
        { "X25519/*secp384r1:?P-521", NID_secp521r1, true },
        { "DEFAULT", NID_secp521r1, true },
        { "DEFAULT", NID_secp256k1, false },
        { "", NID_secp521r1, false },
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        cr_expect_eq(tls_curves_lists(cases[i].list, cases[i].nid),
            cases[i].lists, "%s", cases[i].list);
}
