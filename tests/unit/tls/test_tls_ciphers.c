/* Which ciphers a list lets in, whatever it says. */
#include "tls/tls_ciphers.h"

#include <criterion/criterion.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <stdio.h>
#include <string.h>

#include "handshake.h"
#include "pki.h"
#include "tls/tls_verify.h"

static char service_name[] = "test";
static char *log_path, *both;
static struct pki leaf;

static void
set_up(void)
{
    log_path = pki_text("log", "", 0);
    handshake_log(log_path);
    leaf = pki_make(&(struct pki_spec){ .cn = "leaf" }, NULL);
    both = pki_both("leaf.pem", &leaf);
}

static void
tear_down(void)
{
    pki_free(&leaf);
    pki_clean();
}

TestSuite(tls_ciphers, .init = set_up, .fini = tear_down);

/* What the log says since the last call. */
static const char *
logged(void)
{
    static char text[8192];
    static long seen;
    FILE *file = fopen(log_path, "r");
    size_t length;

    cr_assert_not_null(file);
    fseek(file, seen, SEEK_SET);
    length = fread(text, 1, sizeof(text) - 1, file);
    text[length] = '\0';
    seen = ftell(file);
    fclose(file);
    return text;
}

/* NULL: refused, with the reason in `messages`. */
static struct tls_context *
make(enum tls_role role, const char *list, char messages[1024])
{
    struct service_config service = {
        .name = service_name,
        .listen_leg = LEG(.cert = { &both, 1 }, .ciphers = (char *)list),
        .connect_leg = LEG(.verify = VERIFY_REQUIRED, .ca = { &both, 1 },
            .ciphers = (char *)list),
    };

    return handshake_context(&service, role, messages, 1024);
}

static void
expect_safe(SSL_CTX *ctx, const char *list)
{
    const STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(ctx);

    cr_expect_gt(sk_SSL_CIPHER_num(ciphers), 3, "%s", list);
    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
        const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(ciphers, i);
        const char *name = SSL_CIPHER_get_name(cipher);

        cr_expect_neq(
            SSL_CIPHER_get_cipher_nid(cipher), NID_undef, "%s", name);
        cr_expect_neq(
            SSL_CIPHER_get_auth_nid(cipher), NID_auth_null, "%s", name);
        cr_expect_null(strstr(name, "PSK"), "%s", name);
        cr_expect_null(strstr(name, "SRP"), "%s", name);
    }
}

/* Promise 43, on both legs: an operator may copy any list. */
Test(tls_ciphers, lets_in_nothing_without_certificate_or_encryption)
{
    static const char *const lists[] = { "ALL:@SECLEVEL=0",
        "HIGH:@SECLEVEL=0", "DEFAULT:aNULL:@SECLEVEL=0",
        "ALL:eNULL:@SECLEVEL=0", "COMPLEMENTOFALL:ALL", "HIGH+aNULL:HIGH",
        "PSK:SRP:HIGH", "@SECLEVEL=0:ADH:ECDHE", "HIGH:+aNULL", "ALL,ADH;",
        "ALL:", "-ALL:ALL:NULL" };
    static const enum tls_role roles[] = { TLS_ACCEPT, TLS_CONNECT };
    struct tls_context *context;
    char messages[1024];

    for (size_t i = 0; i < COUNT(lists); i++)
        for (size_t j = 0; j < COUNT(roles); j++) {
            context = make(roles[j], lists[i], messages);
            cr_assert_not_null(context, "%s: %s", lists[i], messages);
            expect_safe(tls_context_ssl(context), lists[i]);
            tls_context_free(context);
        }
}

/* Promise 43 */
Test(tls_ciphers, refuses_a_list_of_nothing_else)
{
    static const char *const lists[] = { "aNULL", "aNULL:@SECLEVEL=0",
        "eNULL:NULL", "ADH+AES:AECDH", "PSK", "SRP:PSK",
        "ECDHE-ECDSA-NULL-SHA" };
    char messages[1024];

    for (size_t i = 0; i < COUNT(lists); i++) {
        cr_expect_null(make(TLS_ACCEPT, lists[i], messages), "%s", lists[i]);
        cr_expect_not_null(strstr(messages, "no cipher in this list has both "
            "a certificate and encryption"), "%s: %s", lists[i], messages);
        cr_expect_not_null(strstr(messages, lists[i]), "%s", messages);
    }
}

Test(tls_ciphers, names_the_words_that_do_nothing)
{
    char messages[1024];
    const char *said;

    tls_context_free(make(TLS_ACCEPT, "HIGH:aNULL:!RC4:eNULL", messages));
    said = logged();
    cr_expect_not_null(strstr(said, "listen.ciphers: \"aNULL\" has no effect"),
        "%s", said);
    cr_expect_not_null(strstr(said, "\"eNULL\" has no effect"), "%s", said);
    cr_expect_null(strstr(said, "RC4"), "%s", said);
    cr_expect_null(strstr(said, "\"HIGH\""), "%s", said);
}

Test(tls_ciphers, warns_of_a_low_security_level)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    int usual = SSL_CTX_get_security_level(ctx);
    char list[64], words[64], messages[1024];

    SSL_CTX_free(ctx);
    for (int level = 0; level <= usual; level++) {
        snprintf(list, sizeof(list), "HIGH:@SECLEVEL=%d", level);
        tls_context_free(make(TLS_CONNECT, list, messages));
        snprintf(words, sizeof(words),
            "connect.ciphers: sets security level %d", level);
        cr_expect_eq(strstr(logged(), words) != NULL, level < usual, "%d",
            level);
    }
}

static SSL_CTX *
anonymous(const SSL_METHOD *method)
{
    SSL_CTX *ctx = SSL_CTX_new(method);

    cr_assert_eq(SSL_CTX_set_cipher_list(ctx, "aNULL:@SECLEVEL=0"), 1);
    SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_dh_auto(ctx, 1);
    return ctx;
}

/* Both sides in turn until neither goes on. */
static void
shake(SSL *client, SSL *server)
{
    BIO *near, *far;

    cr_assert_eq(BIO_new_bio_pair(&near, 0, &far, 0), 1);
    SSL_set_bio(client, near, near);
    SSL_set_bio(server, far, far);
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    for (int i = 0; i < 10; i++) {
        SSL_do_handshake(client);
        SSL_do_handshake(server);
        SSL_do_handshake(server);
    }
    cr_assert(SSL_is_init_finished(client) && SSL_is_init_finished(server));
}

/* OpenSSL ends such a handshake well, although the peer is to be verified.
 * Promise 43. */
Test(tls_ciphers, a_handshake_without_certificate_satisfies_no_check)
{
    SSL_CTX *near = anonymous(TLS_client_method());
    SSL_CTX *far = anonymous(TLS_server_method());
    SSL *client, *server;

    tls_verify_install(near, true);
    tls_verify_install(far, false);
    client = SSL_new(near);
    server = SSL_new(far);
    shake(client, server);
    cr_expect_not(tls_verify_is_satisfied(client));
    /* A listen leg with `verify = optional`, and one with `required`. */
    cr_expect(tls_verify_is_satisfied(server));
    SSL_set_verify(
        server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    cr_expect_not(tls_verify_is_satisfied(server));
    SSL_set_verify(client, SSL_VERIFY_NONE, NULL);
    cr_expect(tls_verify_is_satisfied(client));
    SSL_free(client);
    SSL_free(server);
    SSL_CTX_free(near);
    SSL_CTX_free(far);
    ERR_clear_error();
}
