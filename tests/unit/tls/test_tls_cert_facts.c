#include "tls/tls_cert_facts.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "handshake.h"
#include "pki.h"
#include "tls/tls_crl_facts.h"

static char service_name[] = "test";
static struct pki good, old, old_rsa, next;
static char *good_file, *old_file, *old_rsa_file, *next_file;
static struct tls_cert_facts seen[4];
static size_t count;

static void
setup(void)
{
    handshake_log("/dev/null");
    good = pki_make(&(struct pki_spec){ .cn = "good" }, NULL);
    old = pki_make(&(struct pki_spec){ .cn = "old", .begins_days = -9,
        .ends_days = -2 }, NULL);
    old_rsa = pki_make(&(struct pki_spec){ .cn = "old rsa", .kind = "RSA",
        .begins_days = -9, .ends_days = -1 }, NULL);
    next = pki_make(&(struct pki_spec){ .cn = "next", .kind = "RSA",
        .begins_days = 2, .ends_days = 9 }, NULL);
    good_file = pki_both("good.pem", &good);
    old_file = pki_both("old.pem", &old);
    old_rsa_file = pki_both("old-rsa.pem", &old_rsa);
    next_file = pki_both("next.pem", &next);
}

static void
teardown(void)
{
    pki_free(&good);
    pki_free(&old);
    pki_free(&old_rsa);
    pki_free(&next);
    pki_clean();
}

TestSuite(tls_cert_facts, .init = setup, .fini = teardown);

static void
note_facts(const struct tls_cert_facts *facts, void *arg)
{
    cr_expect_eq(arg, (void *)service_name);
    cr_assert_lt(count, COUNT(seen));
    seen[count++] = *facts;
}

static void
gather_of(enum tls_role role, char **files, size_t file_count)
{
    struct service_config service = { .name = service_name,
        .listen_leg = LEG(.cert = { files, file_count }),
        .connect_leg = LEG(.cert = { files, file_count },
            .verify = VERIFY_NONE) };
    char messages[1000];
    struct tls_context *context = handshake_context(
        &service, role, messages, sizeof(messages));

    cr_assert_not_null(context, "%s", messages);
    count = 0;
    tls_cert_facts_each(context, note_facts, service_name);
    tls_context_free(context);
}

/* Of a listen leg with these certificates. */
#define GATHER(...) gather_of(TLS_ACCEPT, (char *[]){ __VA_ARGS__ }, \
    sizeof((char *[]){ __VA_ARGS__ }) / sizeof(char *))

static void
expect_until(const struct tls_cert_facts *facts, int days)
{
    int64_t wanted = time(NULL) + (int64_t)days * 24 * 60 * 60;

    cr_expect_leq(facts->until, wanted);
    cr_expect_geq(facts->until, wanted - 60 * 60);
}

Test(tls_cert_facts, are_none_without_certificates)
{
    struct service_config service = { .name = service_name,
        .connect_leg = LEG(.verify = VERIFY_NONE) };
    char messages[1000];
    struct tls_context *context = handshake_context(
        &service, TLS_CONNECT, messages, sizeof(messages));

    cr_assert_not_null(context, "%s", messages);
    tls_cert_facts_each(context, note_facts, service_name);
    tls_cert_facts_each(NULL, note_facts, service_name);
    cr_expect_eq(count, 0);
    tls_context_free(context);
}

Test(tls_cert_facts, tell_name_and_end_of_each)
{
    GATHER(old_file, next_file);
    cr_assert_eq(count, 2);
    for (size_t i = 0; i < count; i++) {
        bool is_old = strcmp(seen[i].subject, "CN=old") == 0;

        cr_expect(is_old || strcmp(seen[i].subject, "CN=next") == 0);
        expect_until(&seen[i], is_old ? -2 : 9);
        cr_expect_eq(seen[i].chain, 1);
    }
    cr_expect_str_neq(seen[0].subject, seen[1].subject);
}

Test(tls_cert_facts, tell_issuer_serial_and_key)
{
    GATHER(good_file, old_rsa_file);
    cr_assert_eq(count, 2);
    for (size_t i = 0; i < count; i++) {
        bool is_rsa = strcmp(seen[i].subject, "CN=old rsa") == 0;

        cr_expect_eq(seen[i].kind, TLS_CERT_LEAF);
        cr_expect_str_eq(seen[i].issuer, seen[i].subject);
        cr_expect_str_eq(seen[i].key, is_rsa ? "RSA 2048" : "EC P-256");
        cr_expect_gt(strlen(seen[i].serial), 0);
        cr_expect_lt(seen[i].begins, seen[i].until);
    }
}

Test(tls_cert_facts, tell_revocation_lists)
{
    struct pki ca = pki_ca("ca", NULL);
    X509_CRL *crl = pki_crl(&ca, NULL, 3);
    char *ca_file = pki_cert("ca.pem", &ca);
    char *crl_file = pki_list("ca.crl", crl);
    struct service_config service = { .name = service_name,
        .connect_leg = LEG(.verify = VERIFY_REQUIRED,
            .ca = { &ca_file, 1 }, .crl = { &crl_file, 1 }) };
    char messages[1000];
    struct tls_context *context = handshake_context(
        &service, TLS_CONNECT, messages, sizeof(messages));

    cr_assert_not_null(context, "%s", messages);
    count = 0;
    tls_crl_facts_each(NULL, note_facts, service_name);
    cr_expect_eq(count, 0);
    tls_crl_facts_each(context, note_facts, service_name);
    cr_assert_eq(count, 1);
    cr_expect_eq(seen[0].kind, TLS_CERT_CRL);
    cr_expect_str_eq(seen[0].subject, "CN=ca");
    cr_expect_leq(seen[0].begins, time(NULL));
    expect_until(&seen[0], 3);
    tls_context_free(context);
    X509_CRL_free(crl);
    pki_free(&ca);
}

/* The same certificate has the same one, whatever it is served with. */
Test(tls_cert_facts, tell_certificates_apart_by_fingerprint)
{
    struct tls_cert_facts first;

    GATHER(good_file);
    cr_assert_eq(count, 1);
    first = seen[0];
    GATHER(good_file, old_rsa_file);
    cr_assert_eq(count, 2);
    for (size_t i = 0; i < count; i++)
        cr_expect_eq(memcmp(seen[i].fingerprint, first.fingerprint,
            sizeof(first.fingerprint)) == 0,
            strcmp(seen[i].subject, "CN=good") == 0, "%s", seen[i].subject);
}

/* Two of one kind of keys, of which OpenSSL's context has only the last. */
Test(tls_cert_facts, are_those_of_all_client_certificates)
{
    gather_of(TLS_CONNECT, (char *[]){ good_file, old_file, next_file }, 3);
    cr_assert_eq(count, 3);
    cr_expect_str_eq(seen[0].subject, "CN=good");
    cr_expect_str_eq(seen[1].subject, "CN=old");
    cr_expect_str_eq(seen[2].subject, "CN=next");
    gather_of(TLS_CONNECT, (char *[]){ old_file }, 1);
    cr_assert_eq(count, 1);
}
