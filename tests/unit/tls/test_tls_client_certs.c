/* Which certificate a server is shown that asks for one, in real handshakes. */
#include "tls/tls_client_certs.h"

#include <criterion/criterion.h>

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "handshake.h"
#include "pki.h"
#include "tls/tls_certificate.h"

static const enum tls_version versions[] = { TLS_VERSION_1_2, TLS_VERSION_1_3 };

static char service_name[] = "test";
static struct pki cas[3], between;
static char *ca_files[3], *server_file, *rsa_server_file;
static char *first, *second, *third;

/* A client's file: certificate, key, and the intermediate behind them. */
static char *
client_file(const char *name, const struct pki_spec *spec,
    const struct pki *issuer)
{
    struct pki client = pki_make(spec, issuer);
    char *made = pki_both(name, &client);

    if (issuer == &between)
        pki_cert(name, issuer);
    pki_free(&client);
    return made;
}

static void
set_up(void)
{
    static const char *const names[] = { "CA 1", "CA 2", "CA 3" };
    static const char *const files[] = { "1.pem", "2.pem", "3.pem" };
    struct pki server;

    handshake_log("/dev/null");
    for (size_t i = 0; i < COUNT(cas); i++) {
        cas[i] = pki_ca(names[i], NULL);
        ca_files[i] = pki_cert(files[i], &cas[i]);
    }
    between = pki_ca("Between", &cas[1]);
    server = pki_make(&(struct pki_spec){ .cn = "server" }, &cas[0]);
    server_file = pki_both("server.pem", &server);
    pki_free(&server);
    server = pki_make(
        &(struct pki_spec){ .cn = "server", .kind = "RSA" }, &cas[0]);
    rsa_server_file = pki_both("rsa.pem", &server);
    pki_free(&server);
    first = client_file("a.pem", &(struct pki_spec){ .cn = "first" }, &cas[0]);
    second = client_file(
        "b.pem", &(struct pki_spec){ .cn = "second" }, &between);
    third = client_file(
        "c.pem", &(struct pki_spec){ .cn = "third", .kind = "RSA" }, &cas[0]);
}

static void
tear_down(void)
{
    for (size_t i = 0; i < COUNT(cas); i++)
        pki_free(&cas[i]);
    pki_free(&between);
    pki_clean();
}

TestSuite(tls_client_certs, .init = set_up, .fini = tear_down);

/* The subject that a server with that CA is shown, in both versions; "": none. */
static void
expect_shown(char *ca, struct strings certs, bool rsa_only, const char *subject)
{
    static char rsa[] = "RSA-PSS+SHA256:RSA+SHA256";
    struct service_config service = {
        .name = service_name,
        .listen_leg = LEG(.verify = VERIFY_OPTIONAL,
            .cert = STRINGS(rsa_only ? rsa_server_file : server_file),
            .ca = STRINGS(ca), .sigalgs = rsa_only ? rsa : NULL),
        .connect_leg = LEG(.cert = certs),
    };

    for (size_t i = 0; i < COUNT(versions); i++) {
        char name[TLS_NAME_SIZE] = "";
        struct handshake shake;
        const X509 *cert;

        service.connect_leg.max_version = versions[i];
        shake = handshake_run(&service, NULL);
        cr_expect(shake.server_done, "%s: %s", subject, shake.server_fault);
        cert = SSL_get0_peer_certificate(shake.server);
        if (cert != NULL)
            tls_certificate_subject(cert, name);
        cr_expect_str_eq(name, subject);
        handshake_free(&shake);
    }
}

Test(tls_client_certs, suits_the_servers_authorities)
{
    struct strings both = STRINGS(first, second);

    expect_shown(ca_files[0], both, false, "CN=first");
    expect_shown(ca_files[1], both, false, "CN=second");
    expect_shown(ca_files[2], both, false, "");
}

Test(tls_client_certs, suits_the_servers_algorithms)
{
    struct strings all = STRINGS(second, first, third);

    expect_shown(ca_files[0], all, true, "CN=third");
    expect_shown(ca_files[0], all, false, "CN=first");
    expect_shown(ca_files[1], all, false, "CN=second");
    expect_shown(ca_files[1], all, true, "");
}
