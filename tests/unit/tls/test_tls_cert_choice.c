/* Which certificate of a leg a client is shown. */
#include "tls/tls_cert_choice.h"

#include <criterion/criterion.h>

#include <openssl/ssl.h>

#include <stdio.h>
#include <string.h>

#include "handshake.h"
#include "pki.h"
#include "tls/tls_certificate.h"
#include "tls/tls_session.h"

enum { CERTS_MAX = 8 };

static char service_name[] = "test";
static struct pki ca;

static void
set_up(void)
{
    handshake_log("/dev/null");
    ca = pki_ca("CA", NULL);
}

static void
tear_down(void)
{
    pki_free(&ca);
    pki_clean();
}

TestSuite(tls_cert_choice, .init = set_up, .fini = tear_down, .timeout = 60);

static char *
make_leaf(const struct pki_spec *spec)
{
    struct pki leaf = pki_make(spec, &ca);
    char *path = pki_both(spec->cn, &leaf);

    pki_free(&leaf);
    return path;
}

static struct tls_context *
make_context(const struct service_config *service, enum tls_role role)
{
    char messages[1024];
    struct tls_context *context =
        handshake_context(service, role, messages, sizeof(messages));

    cr_assert_not_null(context, "%s", messages);
    return context;
}

static struct tls_context *
make_server(const struct pki_spec *specs, size_t count, bool refuses)
{
    char *files[CERTS_MAX];
    struct service_config service = { .name = service_name,
        .listen_leg = LEG(.cert = { files, count },
            .unknown_name =
                refuses ? UNKNOWN_NAME_REFUSE : UNKNOWN_NAME_DEFAULT) };

    for (size_t i = 0; i < count; i++)
        files[i] = make_leaf(&specs[i]);
    return make_context(&service, TLS_ACCEPT);
}

static struct tls_context *
make_client(enum tls_version version, char *sigalgs)
{
    struct service_config service = { .name = service_name,
        .connect_leg = LEG(.verify = VERIFY_NONE, .sigalgs = sigalgs) };

    service.connect_leg.min_version = version;
    service.connect_leg.max_version = version;
    return make_context(&service, TLS_CONNECT);
}

/* "CN=..." that a client is shown that asks for `name`; "": the handshake
 * failed. */
static const char *
shown_to(const struct tls_context *client, const struct tls_context *server,
    const char *name)
{
    static char text[TLS_NAME_SIZE];
    struct handshake shake = handshake_asking(client, server, name, NULL);

    text[0] = '\0';
    if (shake.client_done && shake.server_done)
        tls_certificate_subject(
            SSL_get0_peer_certificate(shake.client), text);
    handshake_free(&shake);
    return text;
}

#define RSA_ONLY "RSA-PSS+SHA256:RSA+SHA256"
#define EC_ONLY "ECDSA+SHA256"

/* In the order of the configuration. */
static const struct pki_spec many[] = {
    { .cn = "first", .san = "DNS:first.example,DNS:www.first.example",
        .kind = "RSA" },
    { .cn = "both-rsa", .san = "DNS:both.example", .kind = "RSA" },
    { .cn = "both-ec", .san = "DNS:both.example" },
    { .cn = "wild", .san = "DNS:*.example,IP:192.0.2.1" },
    { .cn = "old", .san = "DNS:old.example", .begins_days = -9,
        .ends_days = -1 },
    { .cn = "stale", .san = "DNS:new.example", .begins_days = -9,
        .ends_days = -1 },
    { .cn = "new", .san = "DNS:new.example" },
    { .cn = "by-name.example", .kind = "RSA" },
};

Test(tls_cert_choice, goes_by_name_and_by_what_the_client_verifies)
{
    static const struct {
        const char *name; /* NULL: none is sent */
        const char *both, *rsa, *ec; /* to clients that verify these */
    } cases[] = {
        { NULL, "CN=first", "CN=first", "CN=both-ec" },
        { "unknown.org", "CN=first", "CN=first", "CN=both-ec" },
        { "first.example", "CN=first", "CN=first", "CN=wild" },
        { "WWW.first.example", "CN=first", "CN=first", "" },
        { "both.example", "CN=both-ec", "CN=both-rsa", "CN=both-ec" },
        { "any.example", "CN=wild", "", "CN=wild" },
        { "192.0.2.1", "CN=wild", "", "CN=wild" },
        { "a.any.example", "CN=first", "CN=first", "CN=both-ec" },
        /* What is out of date is of no use, what has a wildcard is. */
        { "old.example", "CN=wild", "", "CN=wild" },
        { "new.example", "CN=new", "", "CN=new" },
        { "by-name.example", "CN=by-name.example", "CN=by-name.example",
            "CN=wild" },
    };
    struct tls_context *server = make_server(many, COUNT(many), false);

    for (int version = TLS_VERSION_1_2; version <= TLS_VERSION_1_3;
         version++) {
        struct tls_context *both = make_client(version, NULL);
        struct tls_context *rsa = make_client(version, (char[]){ RSA_ONLY });
        struct tls_context *ec = make_client(version, (char[]){ EC_ONLY });

        for (size_t i = 0; i < COUNT(cases); i++) {
            const char *name = cases[i].name;

            cr_expect_str_eq(shown_to(both, server, name), cases[i].both,
                "%d %s: %s", version, name, shown_to(both, server, name));
            cr_expect_str_eq(shown_to(rsa, server, name), cases[i].rsa,
                "%d rsa %s: %s", version, name, shown_to(rsa, server, name));
            cr_expect_str_eq(shown_to(ec, server, name), cases[i].ec,
                "%d ec %s: %s", version, name, shown_to(ec, server, name));
        }
        tls_context_free(both);
        tls_context_free(rsa);
        tls_context_free(ec);
    }
    tls_context_free(server);
}

/* Clients that ask for no name are let in all the same. */
Test(tls_cert_choice, refuses_names_that_no_certificate_has)
{
    static const struct {
        const char *name;
        bool refused;
    } cases[] = {
        { NULL, false }, { "first.example", false }, { "any.example", false },
        { "192.0.2.1", false }, { "a.any.example", true },
        { "192.0.2.2", true }, { "unknown.org", true }, { "org", true },
    };

    for (size_t count = 1; count <= COUNT(many); count += COUNT(many) - 1) {
        struct tls_context *server = make_server(many, count, true);

        for (size_t i = 0; i < 2 * COUNT(cases); i++) {
            struct tls_context *client = make_client(
                i % 2 == 0 ? TLS_VERSION_1_2 : TLS_VERSION_1_3, NULL);
            const char *name = cases[i / 2].name;
            struct handshake shake =
                handshake_asking(client, server, name, NULL);
            bool refused = cases[i / 2].refused ||
                (count == 1 && name != NULL &&
                    strcmp(name, "first.example") != 0);

            cr_expect_eq(shake.server_done, !refused, "%zu %s", count, name);
            cr_expect_eq(
                strstr(shake.client_reason, "unrecognized name") != NULL,
                refused, "%zu %s: %s", count, name, shake.client_reason);
            handshake_free(&shake);
            tls_context_free(client);
        }
        tls_context_free(server);
    }
}

/* One connection, as the streams do it, which offers *session (NULL: none) and
 * leaves the one that came of it there.  True: it was resumed. */
static bool
visit(const struct tls_context *client, const struct tls_context *server,
    const char *name, SSL_SESSION **session)
{
    struct handshake shake =
        handshake_asking(client, server, name, *session);
    bool resumed = SSL_session_reused(shake.server) == 1;
    char byte;

    cr_assert(shake.client_done && shake.server_done, "%s: %s %s", name,
        shake.client_reason, shake.server_reason);
    tls_session_stamp(shake.server, SSL_get_session(shake.server));
    if (SSL_version(shake.server) == TLS1_3_VERSION)
        cr_assert_eq(SSL_new_session_ticket(shake.server), 1);
    SSL_write(shake.server, "x", 1);
    SSL_read(shake.client, &byte, 1);
    SSL_SESSION_free(*session);
    *session = SSL_get1_session(shake.client);
    cr_assert(SSL_SESSION_is_resumable(*session));
    SSL_set_shutdown(shake.client, SSL_SENT_SHUTDOWN);
    handshake_free(&shake);
    return resumed;
}

/* A client that resumes sees no certificate, and goes by the one that it saw. */
Test(tls_cert_choice, resumes_a_session_for_names_of_its_certificate_alone)
{
    static const struct {
        const char *made, *offered;
        bool resumed;   /* in TLS 1.3 */
        bool same_name; /* and so also in TLS 1.2 */
    } cases[] = {
        { "first.example", "first.example", true, true },
        { "first.example", "FIRST.example.", true, true },
        { "first.example", "www.first.example", true, false },
        { "first.example", NULL, true, false }, /* it is the default */
        { NULL, "first.example", true, false },
        { NULL, NULL, true, true },
        { "unknown.org", "other.org", true, false },
        { "first.example", "both.example", false, false },
        { "both.example", "first.example", false, false },
        { "both.example", "any.example", false, false },
        { "any.example", "other.example", true, false },
        { "any.example", "both.example", true, false }, /* the wildcard has it too */
        { "any.example", "a.any.example", false, false },
        { "any.example", "unknown.org", false, false },
        { "any.example", NULL, false, false },
        { "by-name.example", "first.example", false, false },
    };
    struct tls_context *server = make_server(many, COUNT(many), false);

    for (size_t i = 0; i < 2 * COUNT(cases); i++) {
        bool is_old = i % 2 == 0;
        const char *made = cases[i / 2].made, *offered = cases[i / 2].offered;
        struct tls_context *client =
            make_client(is_old ? TLS_VERSION_1_2 : TLS_VERSION_1_3, NULL);
        SSL_SESSION *session = NULL;

        cr_expect_not(visit(client, server, made, &session));
        cr_expect_eq(visit(client, server, offered, &session),
            is_old ? cases[i / 2].same_name : cases[i / 2].resumed,
            "TLS 1.%d: %s, then %s", is_old ? 2 : 3, made, offered);
        /* Whatever came of it is good for the same name. */
        cr_expect(visit(client, server, offered, &session), "TLS 1.%d: %s",
            is_old ? 2 : 3, offered);
        SSL_SESSION_free(session);
        tls_context_free(client);
    }
    tls_context_free(server);
}
