/* Peers that should and should not be believed, in real handshakes. */
#include "tls/tls_verify.h"

#include <criterion/criterion.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <stdio.h>
#include <string.h>

#include "handshake.h"
#include "pki.h"

static const enum tls_version versions[] = { TLS_VERSION_1_2, TLS_VERSION_1_3 };

static char service_name[] = "test";
static struct pki ca, other_ca;

static void
setup(void)
{
    handshake_log("/dev/null");
    ca = pki_ca("Good CA", NULL);
    other_ca = pki_ca("Other CA", NULL);
    pki_cert("ca.pem", &ca);
}

static void
teardown(void)
{
    pki_free(&ca);
    pki_free(&other_ca);
    pki_clean();
}

TestSuite(tls_verify, .init = setup, .fini = teardown);

static char *
path(const char *name)
{
    static char paths[8][128];
    static size_t used;
    char *made = paths[used++ % COUNT(paths)];

    snprintf(made, sizeof(paths[0]), "%s/%s", pki_folder(), name);
    return made;
}

/* What a client that trusts ca.pem says of the certificate; "" if it is
 * satisfied. */
static void
judge_server(const struct pki *server, const char *name,
    enum tls_version version, char fault[1200])
{
    char *cert = pki_both("server.pem", server);
    struct service_config service = {
        .name = service_name,
        .listen_leg = LEG(.cert = STRINGS(cert)),
        .connect_leg = LEG(.verify = VERIFY_REQUIRED,
            .ca = STRINGS(path("ca.pem"))),
    };
    struct handshake shake;

    service.connect_leg.max_version = version;
    shake = handshake_run(&service, name);
    cr_expect_eq(shake.client_done, shake.client_fault[0] == '\0', "%s: %s",
        shake.client_fault, shake.client_reason);
    cr_expect_eq(shake.server_done, shake.client_done);
    cr_expect_eq(ERR_peek_error(), 0);
    snprintf(fault, 1200, "%s", shake.client_fault);
    handshake_free(&shake);
    remove(cert);
}

struct name_case {
    struct pki_spec spec;
    bool by_other;
    bool by_itself;
    const char *name;
    const char *fault[3];   /* words in the message; none: it is accepted */
};

static void
check_server(const struct name_case *one, enum tls_version version)
{
    const struct pki *issuer = one->by_itself ? NULL :
        one->by_other ? &other_ca : &ca;
    struct pki server = pki_make(&one->spec, issuer);
    char fault[1200];

    judge_server(&server, one->name, version, fault);
    cr_expect_eq(one->fault[0] == NULL, fault[0] == '\0', "%s for %s: %s",
        one->spec.cn, one->name, fault);
    for (size_t i = 0; i < COUNT(one->fault) && one->fault[i] != NULL; i++)
        cr_expect_not_null(strstr(fault, one->fault[i]), "no \"%s\" in: %s",
            one->fault[i], fault);
    pki_free(&server);
}

static void
check_servers(const struct name_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < COUNT(versions); j++)
            check_server(&cases[i], versions[j]);
}

/* Promise 11 */
Test(tls_verify, judges_servers)
{
    const struct name_case cases[] = {
        { .spec = { .cn = "a", .san = "DNS:a.example" }, .name = "a.example" },
        { .spec = { .cn = "a", .san = "DNS:a.example", .eku = "serverAuth" },
          .name = "a.example" },
        { .spec = { .cn = "a", .san = "DNS:a.example" }, .by_other = true,
          .name = "a.example",
          .fault = { "not issued by a trusted CA", "CN=a, depth 0",
              "issued by CN=Other CA" } },
        { .spec = { .cn = "a", .san = "DNS:a.example" }, .by_itself = true,
          .name = "a.example", .fault = { "self-signed", "CN=a, depth 0" } },
        { .spec = { .cn = "old", .san = "DNS:a.example", .begins_days = -30,
            .ends_days = -10 }, .name = "a.example",
          .fault = { "has expired", "CN=old, depth 0, expired 20" } },
        { .spec = { .cn = "new", .san = "DNS:a.example", .begins_days = 10 },
          .name = "a.example",
          .fault = { "not yet valid", "CN=new, depth 0, valid from 20" } },
        { .spec = { .cn = "c", .san = "DNS:a.example", .eku = "clientAuth" },
          .name = "a.example", .fault = { "purpose", "CN=c, depth 0, not meant "
              "for a TLS server", "connect.purpose = any" } },
    };

    check_servers(cases, COUNT(cases));
}

/* Promise 11 */
Test(tls_verify, judges_names)
{
    const struct name_case cases[] = {
        { .spec = { .cn = "a", .san = "DNS:b.example,DNS:c.example" },
          .name = "a.example",
          .fault = { "wrong host name", "not for a.example",
              "but for b.example, c.example" } },
        { .spec = { .cn = "a", .san = "DNS:A.Example" }, .name = "a.example" },
        { .spec = { .cn = "a", .san = "DNS:a.example" },
          .name = "a.example." },
        /* A common name is no name to be verified by. */
        { .spec = { .cn = "a.example" }, .name = "a.example",
          .fault = { "wrong host name", "CN=a.example", "but for no name" } },
        { .spec = { .san = "DNS:*.example.org" }, .name = "a.example.org" },
        { .spec = { .san = "DNS:*.example.org" }, .name = "a.b.example.org",
          .fault = { "wrong host name", "(*.example.org, depth 0" } },
        { .spec = { .san = "DNS:*.example.org" }, .name = "example.org",
          .fault = { "wrong host name" } },
        { .spec = { .san = "DNS:a*.example.org" }, .name = "ab.example.org",
          .fault = { "wrong host name" } },
        { .spec = { .san = "IP:192.0.2.1,IP:2001:db8::1" },
          .name = "192.0.2.1" },
        { .spec = { .san = "IP:192.0.2.1,IP:2001:db8::1" },
          .name = "2001:db8:0::1" },
        { .spec = { .san = "IP:192.0.2.1,IP:2001:db8::1" },
          .name = "192.0.2.2",
          .fault = { "wrong IP address", "not for 192.0.2.2",
              "but for 192.0.2.1, 2001:db8::1" } },
        /* Nor is an address that is written as a name. */
        { .spec = { .san = "DNS:192.0.2.1" }, .name = "192.0.2.1",
          .fault = { "wrong IP address" } },
    };

    check_servers(cases, COUNT(cases));
}

/* Promises 8 and 11 */
Test(tls_verify, believes_no_name_with_a_nul)
{
    const struct name_case cases[] = {
        { .spec = { .cn = "x", .dns = "a.example\0.evil.example",
            .dns_length = 23 }, .name = "a.example",
          .fault = { "wrong host name", "a.example\\x00.evil.example" } },
        { .spec = { .cn = "x", .san = "DNS:a.example",
            .dns = "b\0c", .dns_length = 3 }, .name = "a.example",
          .fault = { "that cannot be trusted", "CN=x" } },
        { .spec = { .cn = "a\0b", .cn_length = 3, .san = "DNS:a.example" },
          .name = "a.example", .fault = { "CN=a\\x00b" } },
    };

    check_servers(cases, COUNT(cases));
}

/* Promise 29 */
Test(tls_verify, escapes_what_certificates_say)
{
    const struct name_case cases[] = {
        { .spec = { .cn = "a\nERROR \x1b[31m\"forged\"", .san = "DNS:b" },
          .name = "a.example",
          .fault = { "CN=a\\x0aERROR \\x1b[31m" } },
    };

    check_servers(cases, COUNT(cases));
}

static char *
crl_file(const char *name, const struct pki *issuer,
    const struct pki *revoked, int days)
{
    X509_CRL *crl = pki_crl(issuer, revoked, days);
    char *made = pki_list(name, crl);

    X509_CRL_free(crl);
    return made;
}

static char *
future_crl_file(void)
{
    X509_CRL *crl = pki_crl(&ca, NULL, 9);
    ASN1_TIME *from = X509_gmtime_adj(NULL, 24 * 3600);
    char *made;

    cr_assert_eq(X509_CRL_set1_lastUpdate(crl, from), 1);
    cr_assert_gt(X509_CRL_sign(crl, ca.key, EVP_sha256()), 0);
    made = pki_list("future.pem", crl);
    ASN1_TIME_free(from);
    X509_CRL_free(crl);
    return made;
}

/* What a server that trusts the `listen` leg's CAs says of a client. */
static void
judge_client(struct leg_config listen, char *client, bool accepted,
    const char *words)
{
    struct service_config service = {
        .name = service_name, .listen_leg = listen, .connect_leg = LEG(),
    };
    struct handshake shake;

    service.connect_leg.cert = (struct strings){ &client, client != NULL };
    for (size_t i = 0; i < COUNT(versions); i++) {
        service.connect_leg.max_version = versions[i];
        shake = handshake_run(&service, NULL);
        cr_expect_eq(shake.server_done, accepted, "%s: %s %s", words,
            shake.server_fault, shake.server_reason);
        cr_expect_eq(shake.client_done, accepted, "%s: %s", words,
            shake.client_reason);
        cr_expect(strstr(shake.server_fault, words) != NULL ||
            strstr(shake.server_reason, words) != NULL, "no \"%s\" in: %s %s",
            words, shake.server_fault, shake.server_reason);
        handshake_free(&shake);
    }
}

static char *
server_file(void)
{
    struct pki server = pki_make(&(struct pki_spec){ .cn = "server" }, &ca);
    char *made = pki_both("server.pem", &server);

    pki_free(&server);
    return made;
}

/* Promise 8 */
Test(tls_verify, judges_clients)
{
    struct leg_config required = LEG(.verify = VERIFY_REQUIRED,
        .cert = STRINGS(server_file()), .ca = STRINGS(path("ca.pem")));
    const struct {
        struct pki_spec spec;
        bool by_other;
        const char *words;      /* "": accepted */
    } cases[] = {
        { { .cn = "good", .eku = "clientAuth" }, false, "" },
        { { .cn = "bad" }, true, "CN=bad, depth 0" },
        { { .cn = "old", .begins_days = -30, .ends_days = -10 }, false,
          "CN=old, depth 0, expired 20" },
        { { .cn = "new", .begins_days = 10 }, false, "not yet valid" },
        { { .cn = "server", .eku = "serverAuth" }, false, "may not be used for "
          "this purpose (CN=server, depth 0, not meant for a TLS client; public "
          "CAs issue none that is since 2026, and listen.purpose = any" },
        { { .cn = "a\0b", .cn_length = 3 }, false, "CN=a\\x00b" },
    };
    struct pki client;
    char *file;

    for (size_t i = 0; i < COUNT(cases); i++) {
        client = pki_make(&cases[i].spec, cases[i].by_other ? &other_ca : &ca);
        file = pki_both("client.pem", &client);
        judge_client(required, file, *cases[i].words == '\0', cases[i].words);
        remove(file);
        pki_free(&client);
    }
}

/* For its purpose only: all else must hold. */
Test(tls_verify, takes_certificates_for_any_purpose)
{
    struct leg_config any = LEG(.verify = VERIFY_REQUIRED,
        .purpose = PURPOSE_ANY, .cert = STRINGS(server_file()),
        .ca = STRINGS(path("ca.pem")));
    const struct {
        struct pki_spec spec;
        bool by_other;
        const char *words;
    } cases[] = {
        { { .cn = "server", .eku = "serverAuth" }, false, "" },
        { { .cn = "mail", .eku = "emailProtection" }, false, "" },
        { { .cn = "bad", .eku = "serverAuth" }, true, "CN=bad, depth 0" },
        { { .cn = "old", .eku = "serverAuth", .begins_days = -30,
            .ends_days = -10 }, false, "has expired" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pki client =
            pki_make(&cases[i].spec, cases[i].by_other ? &other_ca : &ca);
        char *file = pki_both("client.pem", &client);

        judge_client(any, file, *cases[i].words == '\0', cases[i].words);
        remove(file);
        pki_free(&client);
    }
}

Test(tls_verify, asks_clients_for_a_certificate)
{
    struct leg_config listen = LEG(.verify = VERIFY_REQUIRED,
        .cert = STRINGS(server_file()), .ca = STRINGS(path("ca.pem")));
    struct pki bad = pki_make(&(struct pki_spec){ .cn = "bad" }, &other_ca);
    char *file = pki_both("bad.pem", &bad);

    judge_client(listen, NULL, false, "peer did not return a certificate");
    listen.verify = VERIFY_OPTIONAL;
    judge_client(listen, NULL, true, "");
    judge_client(listen, file, false, "not issued by a trusted CA");
    listen.verify = VERIFY_NONE;
    judge_client(listen, file, true, "");
    pki_free(&bad);
}

/* A client's file with the intermediate that issued it. */
static char *
chain_file(const char *name, const struct pki *leaf, const struct pki *between)
{
    pki_both(name, leaf);
    return pki_cert(name, between);
}

Test(tls_verify, limits_the_depth)
{
    struct pki between = pki_ca("Between", &ca);
    struct pki leaf = pki_make(&(struct pki_spec){ .cn = "leaf" }, &between);
    char *file = chain_file("leaf.pem", &leaf, &between);
    struct leg_config listen = LEG(.verify = VERIFY_REQUIRED,
        .cert = STRINGS(server_file()), .ca = STRINGS(path("ca.pem")));

    listen.verify_depth = 1;
    judge_client(listen, file, true, "");
    listen.verify_depth = 0;
    judge_client(listen, file, false, "longer than verify_depth allows");
    pki_free(&leaf);
    pki_free(&between);
}

/* The same of a server, whose chain has as many certificates. */
static void
expect_server_depth(char *file, unsigned depth, enum tls_version version)
{
    struct service_config service = {
        .name = service_name,
        .listen_leg = LEG(.cert = STRINGS(file)),
        .connect_leg = LEG(.verify = VERIFY_REQUIRED,
            .ca = STRINGS(path("ca.pem"))),
    };
    struct handshake shake;

    service.connect_leg.verify_depth = depth;
    service.connect_leg.max_version = version;
    shake = handshake_run(&service, "a.example");
    cr_expect_eq(shake.client_done, depth >= 1, "%u: %s", depth,
        shake.client_fault);
    cr_expect_eq(shake.server_done, depth >= 1);
    cr_expect_eq(strstr(shake.client_fault,
        "longer than verify_depth allows") == NULL, depth >= 1);
    handshake_free(&shake);
}

Test(tls_verify, limits_the_depth_of_servers)
{
    struct pki between = pki_ca("Between", &ca);
    struct pki leaf = pki_make(&(struct pki_spec){ .cn = "leaf",
        .san = "DNS:a.example" }, &between);
    char *file = chain_file("leaf.pem", &leaf, &between);

    for (size_t i = 0; i < COUNT(versions); i++)
        for (unsigned depth = 0; depth < 3; depth++)
            expect_server_depth(file, depth, versions[i]);
    pki_free(&leaf);
    pki_free(&between);
}

Test(tls_verify, trusts_an_intermediate_that_is_named)
{
    struct pki between = pki_ca("Between", &ca);
    struct pki leaf = pki_make(&(struct pki_spec){ .cn = "leaf" }, &between);
    struct pki aside = pki_make(&(struct pki_spec){ .cn = "aside" }, &ca);
    char *anchor = pki_cert("between.pem", &between);
    struct leg_config listen = LEG(.verify = VERIFY_REQUIRED,
        .cert = STRINGS(server_file()), .ca = STRINGS(anchor));

    judge_client(listen, pki_both("leaf.pem", &leaf), true, "");
    judge_client(listen, pki_both("aside.pem", &aside), false,
        "not issued by a trusted CA");
    pki_free(&aside);
    pki_free(&leaf);
    pki_free(&between);
}

/* An anchor's own issuer does not matter here: no CRL speaks of an anchor. */
Test(tls_verify, needs_no_crl_of_the_anchor)
{
    struct pki between = pki_ca("Between", &ca);
    struct pki leaf = pki_make(&(struct pki_spec){ .cn = "leaf" }, &between);
    struct pki gone = pki_make(&(struct pki_spec){ .cn = "gone" }, &between);
    char *anchor = pki_cert("between.pem", &between);
    struct leg_config listen = LEG(.verify = VERIFY_REQUIRED,
        .cert = STRINGS(server_file()), .ca = STRINGS(anchor),
        .crl = STRINGS(crl_file("between.crl", &between, &gone, 9)));

    judge_client(listen, pki_both("leaf.pem", &leaf), true, "");
    judge_client(listen, pki_both("gone.pem", &gone), false, "revoked");
    pki_free(&gone);
    pki_free(&leaf);
    pki_free(&between);
}

Test(tls_verify, trusts_a_self_signed_certificate_that_is_named)
{
    struct pki lone = pki_make(&(struct pki_spec){ .cn = "lone" }, NULL);
    struct pki twin = pki_make(&(struct pki_spec){ .cn = "lone" }, NULL);
    char *file = pki_both("lone.pem", &lone);
    struct leg_config listen = LEG(.verify = VERIFY_REQUIRED,
        .cert = STRINGS(server_file()), .ca = STRINGS(file));

    judge_client(listen, file, true, "");
    judge_client(listen, pki_both("twin.pem", &twin), false, "CN=lone");
    pki_free(&twin);
    pki_free(&lone);
}

/* Promises 8 and 10 */
Test(tls_verify, refuses_the_revoked)
{
    struct pki good = pki_make(&(struct pki_spec){ .cn = "good" }, &ca);
    struct pki gone = pki_make(&(struct pki_spec){ .cn = "gone" }, &ca);
    char *good_file = pki_both("good.pem", &good);
    char *gone_file = pki_both("gone.pem", &gone);
    struct leg_config listen = LEG(.verify = VERIFY_REQUIRED,
        .cert = STRINGS(server_file()), .ca = STRINGS(path("ca.pem")),
        .crl = STRINGS(crl_file("crl.pem", &ca, &gone, 9)));

    judge_client(listen, good_file, true, "");
    judge_client(listen, gone_file, false,
        "revoked (CN=gone, depth 0, issued by CN=Good CA)");
    listen.crl = (struct strings)STRINGS(crl_file("old.pem", &ca, &gone, -1));
    judge_client(listen, good_file, false, "the CRL expired 20");
    listen.crl = (struct strings)STRINGS(future_crl_file());
    judge_client(listen, good_file, false, "is dated ahead (CN=good, depth 0, "
        "the CRL is dated 20");
    listen.crl = (struct strings)STRINGS(
        crl_file("other.pem", &other_ca, NULL, 9));
    judge_client(listen, good_file, false,
        "no CRL by the certificate's issuer (CN=good, depth 0");
    pki_free(&good);
    pki_free(&gone);
}

/* Promise 10 */
Test(tls_verify, refuses_what_a_forged_crl_allows)
{
    struct pki impostor = pki_ca("Good CA", NULL);
    struct pki good = pki_make(&(struct pki_spec){ .cn = "good" }, &ca);
    struct leg_config listen = LEG(.verify = VERIFY_REQUIRED,
        .cert = STRINGS(server_file()), .ca = STRINGS(path("ca.pem")),
        .crl = STRINGS(crl_file("crl.pem", &impostor, NULL, 9)));

    judge_client(listen, pki_both("good.pem", &good), false, "CRL");
    pki_free(&good);
    pki_free(&impostor);
}

/* Promise 10 */
Test(tls_verify, wants_a_crl_of_every_issuer)
{
    struct pki between = pki_ca("Between", &ca);
    struct pki leaf = pki_make(&(struct pki_spec){ .cn = "leaf" }, &between);
    char *file = chain_file("leaf.pem", &leaf, &between);
    char *of_between = crl_file("between.crl", &between, NULL, 9);
    char *clean = crl_file("clean.crl", &ca, NULL, 9);
    char *revoking = crl_file("revoking.crl", &ca, &between, 9);
    struct leg_config listen = LEG(.verify = VERIFY_REQUIRED,
        .cert = STRINGS(server_file()), .ca = STRINGS(path("ca.pem")));

    listen.crl = (struct strings)STRINGS(of_between, clean);
    judge_client(listen, file, true, "");
    listen.crl = (struct strings)STRINGS(of_between);
    judge_client(listen, file, false,
        "no CRL by the certificate's issuer (CN=Between, depth 1");
    listen.crl = (struct strings)STRINGS(clean);
    judge_client(listen, file, false, "CN=leaf, depth 0");
    listen.crl = (struct strings)STRINGS(of_between, revoking);
    judge_client(listen, file, false, "revoked (CN=Between, depth 1");
    pki_free(&leaf);
    pki_free(&between);
}

/* Names both CAs: the chain must go on to the root, or its CRL were lost.
 * Promise 10. */
Test(tls_verify, heeds_the_root_crl_of_a_named_intermediate)
{
    struct pki between = pki_ca("Between", &ca);
    struct pki leaf = pki_make(&(struct pki_spec){ .cn = "leaf" }, &between);
    char *of_between = crl_file("between.crl", &between, NULL, 9);
    char *revoking = crl_file("revoking.crl", &ca, &between, 9);
    char *clean = crl_file("clean.crl", &ca, NULL, 9);
    char *file = pki_both("leaf.pem", &leaf);
    struct leg_config listen = LEG(.verify = VERIFY_REQUIRED,
        .cert = STRINGS(server_file()),
        .ca = STRINGS(path("ca.pem"),
            pki_cert("between.pem", &between)));

    listen.crl = (struct strings)STRINGS(of_between, clean);
    judge_client(listen, file, true, "");
    listen.crl = (struct strings)STRINGS(of_between, revoking);
    judge_client(listen, file, false, "revoked (CN=Between, depth 1");
    pki_free(&leaf);
    pki_free(&between);
}

Test(tls_verify, expects_usable_names_only)
{
    static const struct { const char *name; bool usable; } cases[] = {
        { "a", true }, { "a.example", true }, { "a.example.", true },
        { "x-1._tcp.example", true }, { "192.0.2.1", true }, { "::1", true },
        { "fe80::1%eth0", true },
        { "", false }, { ".", false }, { ".example", false },
        { "a..b", false }, { "*.example", false }, { "a b", false },
        { "a/b", false }, { "b\xc3\xbc.example", false },
        { "192.0.2.1%eth0", false }, { "[::1]", false }, { "a\n", false },
        { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.b",
          true },
        { "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.b",
          false },
    };
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    char longest[256];
    SSL *ssl;

    for (size_t i = 0; i < COUNT(cases); i++) {
        ssl = SSL_new(ctx);
        cr_expect_eq(tls_verify_expect(ssl, cases[i].name), cases[i].usable,
            "%s", cases[i].name);
        SSL_free(ssl);
    }
    ssl = SSL_new(ctx);
    for (size_t i = 0; i < sizeof(longest) - 1; i++)
        longest[i] = i % 2 == 0 ? 'a' : '.';
    longest[255] = '\0';
    cr_expect_not(tls_verify_expect(ssl, longest));
    longest[253] = '\0';
    cr_expect(tls_verify_expect(ssl, longest));
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

Test(tls_verify, is_silent_when_nothing_failed)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    char text[64] = "left over";

    cr_expect_not(tls_verify_failure(ssl, text, sizeof(text)));
    cr_expect_str_eq(text, "");
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}
