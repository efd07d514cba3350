/* What is warned of a leg's own certificates, and of revocation lists. */
#include "tls/tls_context_certs.h"

#include <criterion/criterion.h>

#include <openssl/x509.h>

#include <stdio.h>
#include <string.h>

#include "handshake.h"
#include "pki.h"

enum { DAY = 24 * 3600 };

static char service_name[] = "test";
static char *log_path;
static struct pki ca;

static void
set_up(void)
{
    log_path = pki_text("log", "", 0);
    handshake_log(log_path);
    ca = pki_ca("Good CA", NULL);
}

static void
tear_down(void)
{
    pki_free(&ca);
    pki_clean();
}

TestSuite(tls_context_certs, .init = set_up, .fini = tear_down);

/* What the log has; it is empty then. */
static const char *
logged(void)
{
    static char text[4096];
    FILE *file = fopen(log_path, "r");
    size_t length;

    cr_assert_not_null(file);
    length = fread(text, 1, sizeof(text) - 1, file);
    text[length] = '\0';
    fclose(file);
    fclose(fopen(log_path, "w"));
    return text;
}

static void
load_leg(const struct service_config *service, enum tls_role role)
{
    char messages[1024];
    struct tls_context *context =
        handshake_context(service, role, messages, sizeof(messages));

    cr_assert_not_null(context, "%s", messages);
    tls_context_free(context);
}

#define FETCHED "caIssuers;URI:http://ca.example/ca.cer"
#define NO_NAME "leaf.pem: certificate CN=leaf has no subjectAltName; clients " \
    "look for the host's name nowhere else, and will refuse it: have one " \
    "issued with subjectAltName = DNS:NAME"
#define NO_ISSUER "leaf.pem: certificate CN=leaf comes without that of its " \
    "issuer CN=Good CA, and most clients cannot verify it; put the issuer's " \
    "certificate behind it, or name the file that has both (fullchain.pem " \
    "with Let's Encrypt)"

Test(tls_context_certs, warns_of_what_clients_will_refuse)
{
    static const struct {
        const char *san, *places;
        bool chain; /* the issuer's certificate stands in the file */
        enum tls_role role;
        const char *warning; /* NULL: none */
    } cases[] = {
        { "DNS:a.example", NULL, false, TLS_ACCEPT, NULL },
        { "IP:192.0.2.1", NULL, false, TLS_ACCEPT, NULL },
        { "URI:spiffe://a/b", NULL, false, TLS_ACCEPT, NULL },
        { NULL, NULL, false, TLS_ACCEPT, "listen.cert: " },
        { NULL, NULL, false, TLS_ACCEPT, NO_NAME },
        { "email:a@a.example", NULL, false, TLS_ACCEPT, NO_NAME },
        { NULL, NULL, false, TLS_CONNECT, NULL }, /* usual for clients */
        { "DNS:a.example", FETCHED, false, TLS_ACCEPT, "listen.cert: " },
        { "DNS:a.example", FETCHED, false, TLS_ACCEPT, NO_ISSUER },
        { "DNS:a.example", "OCSP;URI:http://ocsp.example," FETCHED, false,
            TLS_ACCEPT, NO_ISSUER },
        { "DNS:a.example", FETCHED, true, TLS_ACCEPT, NULL },
        { "DNS:a.example", FETCHED, false, TLS_CONNECT, NULL },
        { "DNS:a.example", "OCSP;URI:http://ocsp.example", false, TLS_ACCEPT,
            NULL },
        { "DNS:a.example", "caIssuers;URI:ldap:///CN=x", false, TLS_ACCEPT,
            NULL },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct pki leaf = pki_make(&(struct pki_spec){ .cn = "leaf",
            .san = cases[i].san, .places = cases[i].places }, &ca);
        char *file = pki_both("leaf.pem", &leaf);
        const char *ca_file =
            cases[i].chain ? pki_cert("leaf.pem", &ca) : pki_cert("ca", &ca);
        struct service_config service = { .name = service_name,
            .listen_leg = LEG(.cert = STRINGS(file)),
            .connect_leg = LEG(.cert = STRINGS(file),
                .verify = VERIFY_REQUIRED, .ca = STRINGS((char *)ca_file)) };
        const char *said;

        load_leg(&service, cases[i].role);
        said = logged();
        cr_expect_eq(strstr(said, "warn") != NULL, cases[i].warning != NULL,
            "%zu: %s", i, said);
        cr_expect(cases[i].warning == NULL ||
            strstr(said, cases[i].warning) != NULL, "%zu: %s", i, said);
        pki_free(&leaf);
        remove(file);
    }
}

/* In date by days from now. */
static char *
dated_crl(int from, int until)
{
    X509_CRL *crl = pki_crl(&ca, NULL, until);
    ASN1_TIME *begin = X509_gmtime_adj(NULL, from * (long)DAY);
    char *file;

    cr_assert_eq(X509_CRL_set1_lastUpdate(crl, begin), 1);
    cr_assert_gt(X509_CRL_sign(crl, ca.key, EVP_sha256()), 0);
    file = pki_list("crl.pem", crl);
    ASN1_TIME_free(begin);
    X509_CRL_free(crl);
    return file;
}

Test(tls_context_certs, warns_of_crls_out_of_date)
{
    static const struct {
        int from, until;
        const char *warning; /* NULL: none */
    } cases[] = {
        { -1, 1, NULL },
        { -2, -1, "connect.crl: " },
        { -2, -1, "crl.pem: the CRL of CN=Good CA has expired on 20" },
        { 2, 9, "crl.pem: the CRL of CN=Good CA is dated ahead, on 20" },
        { 2, 9, "; peers with certificates of this CA are refused until then; "
            "is this machine's clock right?" },
    };
    char *ca_file = pki_cert("ca.pem", &ca);

    for (size_t i = 0; i < COUNT(cases); i++) {
        char *file = dated_crl(cases[i].from, cases[i].until);
        struct service_config service = { .name = service_name,
            .connect_leg = LEG(.verify = VERIFY_REQUIRED,
                .ca = STRINGS(ca_file), .crl = STRINGS(file)) };
        const char *said;

        load_leg(&service, TLS_CONNECT);
        said = logged();
        cr_expect_eq(strstr(said, "warn") != NULL, cases[i].warning != NULL,
            "%zu: %s", i, said);
        cr_expect(cases[i].warning == NULL ||
            strstr(said, cases[i].warning) != NULL, "%zu: %s", i, said);
        remove(file);
    }
}
