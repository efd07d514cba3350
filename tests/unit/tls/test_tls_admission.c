/* What is asked of peers beside a chain, in real handshakes. */
#include "tls/tls_admission.h"

#include <criterion/criterion.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <stdio.h>
#include <string.h>

#include "handshake.h"
#include "pki.h"
#include "tls/tls_pin.h"

static const enum tls_version versions[] = { TLS_VERSION_1_2, TLS_VERSION_1_3 };

static char service_name[] = "test";
static char none[] = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
static struct pki ca, other_ca, server;
static char *ca_file;

static void
setup(void)
{
    handshake_log("/dev/null");
    ca = pki_ca("Good CA", NULL);
    other_ca = pki_ca("Other CA", NULL);
    ca_file = pki_cert("ca.pem", &ca);
}

static void
teardown(void)
{
    pki_free(&ca);
    pki_free(&other_ca);
    pki_clean();
}

TestSuite(tls_admission, .init = setup, .fini = teardown);

/* What a client with that leg says of the server, in both versions. */
static void
judge_server(struct leg_config connect, const char *name, const char *words)
{
    char *cert = pki_both("server.pem", &server);
    struct service_config service = {
        .name = service_name,
        .listen_leg = LEG(.cert = STRINGS(cert)),
        .connect_leg = connect,
    };
    struct handshake shake;

    for (size_t i = 0; i < COUNT(versions); i++) {
        service.connect_leg.max_version = versions[i];
        shake = handshake_run(&service, name);
        cr_expect_eq(shake.client_done, *words == '\0', "%s: %s", words,
            shake.client_fault);
        cr_expect(*words == '\0' ? *shake.client_fault == '\0'
                : strstr(shake.client_fault, words) != NULL,
            "no \"%s\" in: %s", words, shake.client_fault);
        cr_expect_eq(ERR_peek_error(), 0);
        handshake_free(&shake);
    }
    remove(cert);
}

#define OTHER_KEY "the key of the certificate is none that connect.pin names"

/* Whatever else the certificate says. */
Test(tls_admission, pin_alone_decides)
{
    static const struct pki_spec specs[] = {
        { .cn = "a", .san = "DNS:a.example" },
        { .cn = "old", .begins_days = -30, .ends_days = -10 },
        { .cn = "c", .eku = "clientAuth" },
    };
    char pin[TLS_PIN_SIZE], words[256];

    for (size_t i = 0; i < COUNT(specs); i++) {
        server = pki_make(&specs[i], NULL);
        tls_pin_of(server.cert, pin);
        judge_server((struct leg_config)LEG(.pins = STRINGS(pin)), NULL, "");
        judge_server(
            (struct leg_config)LEG(.pins = STRINGS(none, pin)), NULL, "");
        snprintf(words, sizeof(words), OTHER_KEY " (CN=%s, depth 0, with the "
            "key %s)", specs[i].cn, pin);
        judge_server(
            (struct leg_config)LEG(.pins = STRINGS(none)), NULL, words);
        pki_free(&server);
    }
}

/* The pin is of the server's own key, not of an issuer's. */
Test(tls_admission, pin_and_chain_must_both_hold)
{
    static const struct pki_spec spec = { .cn = "a", .san = "DNS:a.example" };
    char pin[TLS_PIN_SIZE], issuer[TLS_PIN_SIZE];
    struct leg_config leg = LEG(.verify = VERIFY_REQUIRED,
        .ca = STRINGS(ca_file), .pins = STRINGS(none, pin));

    server = pki_make(&spec, &ca);
    tls_pin_of(server.cert, pin);
    tls_pin_of(ca.cert, issuer);
    judge_server(leg, "a.example", "");
    judge_server(leg, "b.example", "wrong host name");
    leg.pins = (struct strings)STRINGS(none, issuer);
    judge_server(leg, "a.example", OTHER_KEY);
    pki_free(&server);
    leg.pins = (struct strings)STRINGS(pin);
    server = pki_make(&spec, &other_ca);
    tls_pin_of(server.cert, pin);
    judge_server(leg, "a.example", "not issued by a trusted CA");
    pki_free(&server);
}
