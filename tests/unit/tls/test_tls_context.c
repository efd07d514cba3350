/* What a context does with good configurations. */
#include "tls/tls_context.h"

#include <sys/stat.h>

#include <criterion/criterion.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "handshake.h"
#include "pki.h"

static const enum tls_version versions[] = { TLS_VERSION_1_2, TLS_VERSION_1_3 };

static char service_name[] = "test";
static char *log_path;
static struct pki ca, ecdsa, rsa;
static char *ca_file, *ecdsa_file, *rsa_file;

static void
setup(void)
{
    log_path = pki_text("log", "", 0);
    handshake_log(log_path);
    ca = pki_ca("Good CA", NULL);
    ecdsa = pki_make(&(struct pki_spec){ .cn = "ecdsa",
        .san = "DNS:a.example" }, &ca);
    rsa = pki_make(&(struct pki_spec){ .cn = "rsa", .kind = "RSA",
        .san = "DNS:a.example" }, &ca);
    ca_file = pki_cert("ca.pem", &ca);
    ecdsa_file = pki_both("ecdsa.pem", &ecdsa);
    rsa_file = pki_both("rsa.pem", &rsa);
}

static void
teardown(void)
{
    pki_free(&ca);
    pki_free(&ecdsa);
    pki_free(&rsa);
    pki_clean();
}

TestSuite(tls_context, .init = setup, .fini = teardown);

static void
expect_log(const char *words)
{
    char text[8192];
    FILE *file = fopen(log_path, "r");
    size_t length = fread(text, 1, sizeof(text) - 1, file);

    fclose(file);
    text[length] = '\0';
    cr_expect_not_null(strstr(text, words), "no \"%s\" in: %s", words, text);
}

static struct tls_context *
make(const struct service_config *service, enum tls_role role)
{
    char messages[4096];
    struct tls_context *context = handshake_context(service, role, messages,
        sizeof(messages));

    cr_assert_not_null(context, "%s", messages);
    cr_expect_eq(ERR_peek_error(), 0);
    return context;
}

static struct service_config
service_of(char **cert, char **trusted)
{
    return (struct service_config){
        .name = service_name,
        .listen_leg = LEG(.cert = { cert, 1 }),
        .connect_leg = LEG(.verify = VERIFY_REQUIRED, .ca = { trusted, 1 }),
    };
}

Test(tls_context, shakes_hands_in_both_versions)
{
    struct service_config service = service_of(&ecdsa_file, &ca_file);
    static const char *const want[] = { "TLSv1.2", "TLSv1.3" };
    struct handshake shake;

    for (size_t i = 0; i < COUNT(versions); i++) {
        service.connect_leg.max_version = versions[i];
        shake = handshake_run(&service, "a.example");
        cr_assert(shake.client_done && shake.server_done, "%s %s",
            shake.client_reason, shake.server_reason);
        cr_expect_str_eq(SSL_get_version(shake.client), want[i]);
        handshake_free(&shake);
    }
}

Test(tls_context, keeps_to_its_versions)
{
    struct service_config service = service_of(&ecdsa_file, &ca_file);
    struct handshake shake;

    service.listen_leg.min_version = TLS_VERSION_1_3;
    service.connect_leg.max_version = TLS_VERSION_1_2;
    shake = handshake_run(&service, "a.example");
    cr_expect_not(shake.server_done);
    cr_expect_str_eq(shake.server_reason, "unsupported protocol");
    handshake_free(&shake);
}

/* By default nothing but forward secrecy and authenticated encryption. */
Test(tls_context, chooses_careful_ciphers)
{
    struct service_config service = service_of(&ecdsa_file, &ca_file);
    struct tls_context *context = make(&service, TLS_ACCEPT);
    STACK_OF(SSL_CIPHER) *ciphers =
        SSL_CTX_get_ciphers(tls_context_ssl(context));
    const char *name;

    cr_expect_gt(sk_SSL_CIPHER_num(ciphers), 5);
    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
        name = SSL_CIPHER_get_name(sk_SSL_CIPHER_value(ciphers, i));
        cr_expect(strncmp(name, "TLS_", 4) == 0 ||
            strncmp(name, "ECDHE-", 6) == 0, "%s", name);
        cr_expect(strstr(name, "GCM") != NULL ||
            strstr(name, "CHACHA20") != NULL, "%s", name);
        cr_expect_null(strstr(name, "PSK"), "%s", name);
    }
    tls_context_free(context);
}

Test(tls_context, sets_what_relaying_needs)
{
    struct service_config service = service_of(&ecdsa_file, &ca_file);
    struct tls_context *context = make(&service, TLS_ACCEPT);
    SSL_CTX *ctx = tls_context_ssl(context);
    uint64_t options = SSL_CTX_get_options(ctx);

    cr_expect_eq(SSL_CTX_get_mode(ctx) & SSL_MODE_AUTO_RETRY, 0);
    cr_expect_neq(SSL_CTX_get_mode(ctx) & SSL_MODE_RELEASE_BUFFERS, 0);
    cr_expect_neq(options & SSL_OP_NO_RENEGOTIATION, 0);
    cr_expect_neq(options & SSL_OP_NO_COMPRESSION, 0);
    cr_expect_eq(options & SSL_OP_IGNORE_UNEXPECTED_EOF, 0);
    cr_expect_eq(SSL_CTX_get_max_early_data(ctx), 0);
    cr_expect_eq(SSL_CTX_get_num_tickets(ctx), 0);
    cr_expect_eq(SSL_CTX_get_session_cache_mode(ctx), SSL_SESS_CACHE_OFF);
    cr_expect_eq(tls_context_role(context), TLS_ACCEPT);
    tls_context_free(context);
    tls_context_free(NULL);
}

static const char *
peer_name(SSL *ssl, char name[64])
{
    X509 *peer = SSL_get0_peer_certificate(ssl);

    name[0] = '\0';
    if (peer != NULL)
        X509_NAME_get_text_by_NID(X509_get_subject_name(peer),
            NID_commonName, name, 64);
    return name;
}

Test(tls_context, shows_the_certificate_that_the_client_understands)
{
    struct service_config service = service_of(&ecdsa_file, &ca_file);
    char *both[] = { rsa_file, ecdsa_file };
    static char rsa_only[] = "RSA-PSS+SHA256:RSA+SHA256";
    static char ecdsa_only[] = "ECDSA+SHA256";
    struct handshake shake;
    char name[64];

    service.listen_leg.cert = (struct strings){ both, 2 };
    service.connect_leg.verify = VERIFY_NONE;
    for (size_t i = 0; i < COUNT(versions); i++) {
        service.connect_leg.max_version = versions[i];
        service.connect_leg.sigalgs = ecdsa_only;
        shake = handshake_run(&service, NULL);
        cr_expect_str_eq(peer_name(shake.client, name), "ecdsa");
        handshake_free(&shake);
        service.connect_leg.sigalgs = rsa_only;
        shake = handshake_run(&service, NULL);
        cr_expect_str_eq(peer_name(shake.client, name), "rsa", "%s %s",
            shake.client_reason, shake.server_reason);
        handshake_free(&shake);
    }
}

Test(tls_context, sends_each_certificate_with_its_own_chain)
{
    struct service_config service = service_of(&ecdsa_file, &ca_file);
    struct pki between = pki_ca("Between", &ca);
    struct pki leaf = pki_make(&(struct pki_spec){ .cn = "leaf",
        .san = "DNS:a.example" }, &between);
    char *chained = pki_both("chained.pem", &leaf);
    char *both[] = { rsa_file, chained };
    static char ecdsa_only[] = "ECDSA+SHA256";
    struct handshake shake;

    pki_cert("chained.pem", &between);
    service.listen_leg.cert = (struct strings){ both, 2 };
    service.listen_leg.ca = (struct strings){ &ca_file, 1 };
    service.listen_leg.verify = VERIFY_OPTIONAL;
    service.connect_leg.sigalgs = ecdsa_only;
    shake = handshake_run(&service, "a.example");
    cr_assert(shake.client_done, "%s", shake.client_fault);
    cr_expect_eq(sk_X509_num(SSL_get_peer_cert_chain(shake.client)), 2);
    handshake_free(&shake);
    service.connect_leg.sigalgs = NULL;
    service.listen_leg.cert.count = 1;
    shake = handshake_run(&service, "a.example");
    cr_expect_eq(sk_X509_num(SSL_get_peer_cert_chain(shake.client)), 1);
    handshake_free(&shake);
    pki_free(&leaf);
    pki_free(&between);
}

Test(tls_context, reads_keys_of_their_own_files)
{
    struct service_config service = service_of(&ecdsa_file, &ca_file);
    char *certs[] = { pki_cert("e.crt", &ecdsa), pki_cert("r.crt", &rsa) };
    char *keys[] = { pki_key("e.key", &ecdsa, "open sesame"),
        pki_key("r.key", &rsa, NULL) };
    struct handshake shake;

    service.listen_leg.cert = (struct strings){ certs, 2 };
    service.listen_leg.key = (struct strings){ keys, 2 };
    service.listen_leg.passphrase_file = pki_text("passphrase",
        "open sesame\r\nmore\n", 18);
    shake = handshake_run(&service, "a.example");
    cr_expect(shake.client_done && shake.server_done);
    handshake_free(&shake);
}

/* What the server has of the client's certificate; "": none, or no handshake. */
static void
shown_client(const struct service_config *service, char text[256])
{
    struct handshake shake = handshake_run(service, "a.example");
    X509 *shown = SSL_get0_peer_certificate(shake.server);

    text[0] = '\0';
    if (shake.client_done && shake.server_done && shown != NULL)
        X509_NAME_oneline(X509_get_subject_name(shown), text, 256);
    handshake_free(&shake);
}

Test(tls_context, shows_servers_a_certificate_of_an_encrypted_key)
{
    struct service_config service = service_of(&ecdsa_file, &ca_file);
    struct pki client = pki_make(
        &(struct pki_spec){ .cn = "client", .eku = "clientAuth" }, &ca);
    char *cert = pki_cert("client.crt", &client);
    char *key = pki_key("client.key", &client, "open sesame");
    char shown[256];

    service.listen_leg.verify = VERIFY_REQUIRED;
    service.listen_leg.ca = (struct strings){ &ca_file, 1 };
    shown_client(&service, shown);
    cr_expect_str_eq(shown, "", "without a certificate no client is let in");
    service.connect_leg.cert = (struct strings){ &cert, 1 };
    service.connect_leg.key = (struct strings){ &key, 1 };
    service.connect_leg.passphrase_file =
        pki_text("passphrase", "open sesame\n", 12);
    for (size_t i = 0; i < COUNT(versions); i++) {
        service.connect_leg.max_version = versions[i];
        shown_client(&service, shown);
        cr_expect_str_eq(shown, "/CN=client");
    }
    pki_free(&client);
}

/* Promise 13 */
Test(tls_context, agrees_on_a_protocol)
{
    struct service_config service = service_of(&ecdsa_file, &ca_file);
    char h2[] = "h2", http[] = "http/1.1", mqtt[] = "mqtt";
    char *server[] = { h2, http }, *client[] = { http, h2 };
    char *other[] = { mqtt };
    const unsigned char *chosen;
    struct handshake shake;
    unsigned length;

    struct tls_context *contexts[2];
    service.listen_leg.alpn = (struct strings){ server, 2 };
    service.connect_leg.alpn = (struct strings){ client, 2 };
    contexts[0] = make(&service, TLS_CONNECT);
    contexts[1] = make(&service, TLS_ACCEPT);
    shake = handshake_between(contexts[0], contexts[1], "a.example", NULL);
    SSL_get0_alpn_selected(shake.client, &chosen, &length);
    cr_assert_eq(length, 2);
    cr_expect_eq(memcmp(chosen, "h2", 2), 0, "the server's choice counts");
    handshake_free(&shake);
    tls_context_free(contexts[0]);

    service.connect_leg.alpn = (struct strings){ other, 1 };
    contexts[0] = make(&service, TLS_CONNECT);
    shake = handshake_between(contexts[0], contexts[1], "a.example", NULL);
    cr_expect_not(shake.client_done);
    cr_expect_not_null(strstr(shake.client_reason,
        "alert no application protocol"), "%s", shake.client_reason);
    handshake_free(&shake);
    tls_context_free(contexts[0]);

    service.connect_leg.alpn = (struct strings){ NULL, 0 };
    contexts[0] = make(&service, TLS_CONNECT);
    shake = handshake_between(contexts[0], contexts[1], "a.example", NULL);
    cr_expect(shake.client_done, "a client that offers nothing is not refused");
    handshake_free(&shake);
    tls_context_free(contexts[0]);
    tls_context_free(contexts[1]);
}

Test(tls_context, acknowledges_the_name_asked_for)
{
    struct service_config service = service_of(&ecdsa_file, &ca_file);
    struct handshake shake;
    const char *name;

    for (size_t i = 0; i < COUNT(versions); i++) {
        service.connect_leg.max_version = versions[i];
        shake = handshake_run(&service, "a.example");
        name = SSL_SESSION_get0_hostname(SSL_get0_session(shake.client));
        cr_assert_not_null(name);
        cr_expect_str_eq(name, "a.example");
        handshake_free(&shake);
    }
}

Test(tls_context, tells_clients_which_issuers_it_trusts)
{
    struct service_config service = service_of(&ecdsa_file, &ca_file);
    struct handshake shake;
    const STACK_OF(X509_NAME) *names;

    service.listen_leg.verify = VERIFY_OPTIONAL;
    service.listen_leg.ca = (struct strings){ &ca_file, 1 };
    shake = handshake_run(&service, "a.example");
    names = SSL_get0_peer_CA_list(shake.client);
    cr_assert_eq(sk_X509_NAME_num(names), 1);
    cr_expect_eq(X509_NAME_cmp(sk_X509_NAME_value(names, 0),
        X509_get_subject_name(ca.cert)), 0);
    handshake_free(&shake);
}

/* Promise 13 */
Test(tls_context, refuses_renegotiation)
{
    struct service_config service = service_of(&ecdsa_file, &ca_file);
    struct handshake shake;
    char byte;

    service.connect_leg.max_version = TLS_VERSION_1_2;
    shake = handshake_run(&service, "a.example");
    SSL_clear_options(shake.client, SSL_OP_NO_RENEGOTIATION);
    cr_expect_eq(SSL_renegotiate(shake.client), 1);
    SSL_do_handshake(shake.client);
    cr_expect_leq(SSL_read(shake.server, &byte, 1), 0);
    ERR_clear_error();
    cr_expect_leq(SSL_do_handshake(shake.client), 0);
    cr_expect_eq(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_RENEGOTIATION);
    handshake_free(&shake);
}

/* The id that sessions of a context are bound to. */
static void
session_id(const struct service_config *service, unsigned char id[32])
{
    struct handshake shake = handshake_run(service, NULL);
    const unsigned char *made;
    unsigned length;

    made = SSL_SESSION_get0_id_context(SSL_get0_session(shake.server),
        &length);
    cr_assert_eq(length, 32);
    memcpy(id, made, 32);
    handshake_free(&shake);
}

static void
expect_other(const struct service_config *service, const unsigned char id[32],
    const char *what)
{
    unsigned char other[32];

    session_id(service, other);
    cr_expect_neq(memcmp(id, other, 32), 0, "%s", what);
}

/* Promises 7 and 10 */
Test(tls_context, binds_sessions_to_service_and_policy)
{
    struct service_config service = service_of(&ecdsa_file, &ca_file), other;
    struct pki other_ca = pki_ca("Other CA", NULL);
    char *other_ca_file = pki_cert("other.pem", &other_ca);
    X509_CRL *crl = pki_crl(&ca, NULL, 9), *next = pki_crl(&ca, &ecdsa, 9);
    char *crl_file = pki_list("crl.pem", crl);
    char *next_file = pki_list("next.pem", next);
    unsigned char id[32], same[32];
    char other_name[] = "tess";

    service.connect_leg.verify = VERIFY_NONE;
    service.listen_leg.verify = VERIFY_OPTIONAL;
    service.listen_leg.ca = (struct strings){ &ca_file, 1 };
    service.listen_leg.crl = (struct strings){ &crl_file, 1 };
    session_id(&service, id);
    session_id(&service, same);
    cr_expect_eq(memcmp(id, same, 32), 0, "the same after a restart");
    other = service;
    other.name = other_name;
    expect_other(&other, id, "name");
    other = service;
    other.listen_leg.cert = (struct strings){ &rsa_file, 1 };
    expect_other(&other, id, "certificate");
    other = service;
    other.listen_leg.ca = (struct strings){ &other_ca_file, 1 };
    expect_other(&other, id, "ca");
    other = service;
    other.listen_leg.crl = (struct strings){ &next_file, 1 };
    expect_other(&other, id, "crl");
    other = service;
    other.listen_leg.verify_depth = 1;
    expect_other(&other, id, "depth");
    X509_CRL_free(crl);
    X509_CRL_free(next);
    pki_free(&other_ca);
}

/* Promise 42: a session made with ciphers, versions, groups or signatures that
 * are not wanted any more is not resumed, which would bring them back. */
Test(tls_context, binds_sessions_to_every_tls_option)
{
    char *both[] = { ecdsa_file, rsa_file }, h2[] = "h2";
    char *names[] = { h2 };
    struct service_config service = service_of(&ecdsa_file, &ca_file);
    struct leg_config others[] = {
        LEG(.ciphers = (char *)"ECDHE+AESGCM"),
        LEG(.ciphers = (char *)"ECDHE+AESGCM:@SECLEVEL=1"),
        LEG(.ciphersuites = (char *)"TLS_AES_256_GCM_SHA384"),
        LEG(.groups = (char *)"P-256"),
        LEG(.sigalgs = (char *)"ECDSA+SHA256"),
        LEG(.alpn = { names, 1 }),
    };
    unsigned char ids[COUNT(others) + 5][32];
    size_t count = 0;

    session_id(&service, ids[count++]);
    for (size_t i = 0; i < COUNT(others); i++) {
        others[i].cert = (struct strings){ &ecdsa_file, 1 };
        service.listen_leg = others[i];
        session_id(&service, ids[count++]);
    }
    service = service_of(&ecdsa_file, &ca_file);
    service.listen_leg.min_version = TLS_VERSION_1_3;
    session_id(&service, ids[count++]);
    service.listen_leg.min_version = TLS_VERSION_1_2;
    service.listen_leg.max_version = TLS_VERSION_1_2;
    session_id(&service, ids[count++]);
    service = service_of(&ecdsa_file, &ca_file);
    service.listen_leg.cert = (struct strings){ both, 2 };
    session_id(&service, ids[count++]);
    service = service_of(&ecdsa_file, &ca_file);
    service.listen_leg.session_lifetime_ms = 3600 * 1000;
    session_id(&service, ids[count++]);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            cr_expect_neq(memcmp(ids[i], ids[j], 32), 0, "%zu, %zu", i, j);
    /* What the other leg says is no part of it. */
    service.connect_leg.ciphers = (char *)"ECDHE+AESGCM";
    session_id(&service, ids[0]);
    cr_expect_eq(memcmp(ids[0], ids[count - 1], 32), 0);
}

static void
read_more(struct handshake *shake)
{
    char byte;

    SSL_write(shake->server, "x", 1);
    SSL_read(shake->client, &byte, 1);
    ERR_clear_error();
}

/* A session of one service, with its server's ticket keys given to another. */
static void
resume(struct service_config *service, enum tls_version version,
    char *second_name, bool resumed)
{
    struct tls_context *client, *server, *second;
    struct handshake shake;
    SSL_SESSION *session;
    unsigned char keys[80];

    service->connect_leg.max_version = version;
    client = make(service, TLS_CONNECT);
    server = make(service, TLS_ACCEPT);
    service->name = second_name;
    second = make(service, TLS_ACCEPT);
    service->name = service_name;
    SSL_CTX_get_tlsext_ticket_keys(tls_context_ssl(server), keys, 80);
    SSL_CTX_set_tlsext_ticket_keys(tls_context_ssl(second), keys, 80);
    shake = handshake_between(client, server, "a.example", NULL);
    if (version == TLS_VERSION_1_3) {
        cr_expect_not(SSL_SESSION_is_resumable(
            SSL_get0_session(shake.client)), "no ticket at the handshake");
        cr_expect_eq(SSL_new_session_ticket(shake.server), 1);
        read_more(&shake);
    }
    session = SSL_get1_session(shake.client);
    cr_expect(SSL_SESSION_is_resumable(session));
    /* OpenSSL gives up the session of a connection that was not closed. */
    SSL_set_shutdown(shake.client, SSL_SENT_SHUTDOWN);
    handshake_free(&shake);
    shake = handshake_between(client, second, "a.example", session);
    cr_expect_eq(shake.client_done && SSL_session_reused(shake.client) == 1,
        resumed, "%s: %s", second_name, shake.client_reason);
    handshake_free(&shake);
    SSL_SESSION_free(session);
    tls_context_free(client);
    tls_context_free(server);
    tls_context_free(second);
}

/* Promise 7 */
Test(tls_context, resumes_its_own_sessions_only)
{
    struct service_config service = service_of(&ecdsa_file, &ca_file);
    char other_name[] = "other";

    for (size_t i = 0; i < COUNT(versions); i++) {
        resume(&service, versions[i], service_name, true);
        resume(&service, versions[i], other_name, false);
    }
}

Test(tls_context, gives_no_ticket_when_told_not_to)
{
    struct service_config service = service_of(&ecdsa_file, &ca_file);
    struct handshake shake;

    service.listen_leg.session_tickets = false;
    for (size_t i = 0; i < COUNT(versions); i++) {
        service.connect_leg.max_version = versions[i];
        shake = handshake_run(&service, "a.example");
        cr_expect(shake.client_done);
        read_more(&shake);
        cr_expect_eq(SSL_SESSION_is_resumable(
            SSL_get0_session(shake.client)), 0);
        handshake_free(&shake);
    }
}

Test(tls_context, trusts_a_directory)
{
    struct service_config service = service_of(&ecdsa_file, &ca_file);
    char *directory = (char *)pki_folder();
    struct handshake shake;

    service.connect_leg.ca = (struct strings){ &directory, 1 };
    shake = handshake_run(&service, "a.example");
    cr_expect(shake.client_done, "%s", shake.client_fault);
    handshake_free(&shake);
}

Test(tls_context, trusts_the_system)
{
    struct service_config service = service_of(&ecdsa_file, &ca_file);
    char word[] = "system", *system[] = { word };
    struct handshake shake;

    setenv("SSL_CERT_FILE", ca_file, 1);
    service.connect_leg.ca = (struct strings){ system, 1 };
    shake = handshake_run(&service, "a.example");
    cr_expect(shake.client_done, "%s", shake.client_fault);
    handshake_free(&shake);
    setenv("SSL_CERT_FILE", rsa_file, 1);
    service.connect_leg.ca = (struct strings){ NULL, 0 };
    shake = handshake_run(&service, "a.example");
    cr_expect_not(shake.client_done, "the default is the system too");
    handshake_free(&shake);
}

/* Which clients the listen leg lets in that trusts `trusted` (and no name is
 * expected). */
static void
expect_client(char *trusted, char *client, bool accepted)
{
    struct service_config service = service_of(&ecdsa_file, &ca_file);
    char shown[256];

    service.listen_leg.verify = VERIFY_REQUIRED;
    service.listen_leg.ca = (struct strings){ &trusted, 1 };
    service.connect_leg.cert = (struct strings){ &client, 1 };
    for (size_t i = 0; i < COUNT(versions); i++) {
        service.connect_leg.max_version = versions[i];
        shown_client(&service, shown);
        cr_expect_eq(shown[0] != '\0', accepted, "%s, %s: %s", trusted, client,
            shown);
    }
}

Test(tls_context, trusts_a_directory_or_the_system_for_clients)
{
    struct pki other_ca = pki_ca("Other CA", NULL);
    struct pki good = pki_make(&(struct pki_spec){ .cn = "good" }, &ca);
    struct pki bad = pki_make(&(struct pki_spec){ .cn = "bad" }, &other_ca);
    char *good_file = pki_both("good.pem", &good), *bad_file, folder[300];
    char word[] = "system", *system_file, *in_folder;

    snprintf(folder, sizeof(folder), "%s/clients", pki_folder());
    cr_assert_eq(mkdir(folder, 0700), 0);
    in_folder = pki_cert("clients/ca.pem", &ca);
    bad_file = pki_both("bad.pem", &bad);
    expect_client(folder, good_file, true);
    expect_client(folder, bad_file, false);
    system_file = pki_cert("system.pem", &other_ca);
    setenv("SSL_CERT_FILE", system_file, 1);
    expect_client(word, good_file, false);
    expect_client(word, bad_file, true);
    remove(in_folder);
    rmdir(folder);
    pki_free(&good);
    pki_free(&bad);
    pki_free(&other_ca);
}

Test(tls_context, warns_of_what_will_not_work)
{
    struct pki old = pki_make(&(struct pki_spec){ .cn = "old",
        .begins_days = -30, .ends_days = -10 }, &ca);
    struct pki later = pki_make(&(struct pki_spec){ .cn = "later",
        .begins_days = 10, .eku = "clientAuth" }, &ca);
    char *old_file = pki_both("old.pem", &old);
    char *later_file = pki_both("later.pem", &later);
    struct service_config service = service_of(&old_file, &ca_file);

    service.connect_leg.verify = VERIFY_NONE;
    tls_context_free(make(&service, TLS_CONNECT));
    expect_log("connect.verify: is none");
    tls_context_free(make(&service, TLS_ACCEPT));
    expect_log("old.pem: certificate CN=old has expired on 20");
    service.listen_leg.cert = (struct strings){ &later_file, 1 };
    pki_cert("later.pem", &old);
    tls_context_free(make(&service, TLS_ACCEPT));
    expect_log("certificate CN=later is not valid before 20");
    expect_log("CN=later is not meant for a TLS server");
    expect_log("certificate 2 did not issue the one before it");
    pki_free(&old);
    pki_free(&later);
}
