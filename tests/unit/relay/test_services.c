/* The services of a configuration, one at a time. */
#include "relay/services.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/error.h"
#include "config/config.h"
#include "config/config_load.h"
#include "config/loading.h"
#include "files/files.h"
#include "relay/service.h"
#include "tls/handshake.h"
#include "tls/pki.h"
#include "tls/tls_files.h"
#include "tls/tls_shared.h"
#include "tls/tls_signer.h"

enum { SERVICES = 5, TEXT_SIZE = 2000, AUTHORITIES = 12, LISTS = 3,
    CERTIFICATES = 7 };

X509 *__real_PEM_read_bio_X509_AUX(
    BIO *bio, X509 **cert, pem_password_cb *give, void *arg);
X509 *__wrap_PEM_read_bio_X509_AUX(
    BIO *bio, X509 **cert, pem_password_cb *give, void *arg);
X509_CRL *__real_PEM_read_bio_X509_CRL(
    BIO *bio, X509_CRL **crl, pem_password_cb *give, void *arg);
X509_CRL *__wrap_PEM_read_bio_X509_CRL(
    BIO *bio, X509_CRL **crl, pem_password_cb *give, void *arg);
int __real_X509_STORE_add_cert(X509_STORE *store, X509 *cert);
int __wrap_X509_STORE_add_cert(X509_STORE *store, X509 *cert);

/* Of the step that is being made, and of all. */
static unsigned parsed, parsed_most, parsed_all, placed, placed_most;

static void
count(unsigned *now, unsigned *most)
{
    if (++*now > *most)
        *most = *now;
}

X509 *
__wrap_PEM_read_bio_X509_AUX(
    BIO *bio, X509 **cert, pem_password_cb *give, void *arg)
{
    X509 *found = __real_PEM_read_bio_X509_AUX(bio, cert, give, arg);

    if (found != NULL)
        count(&parsed, &parsed_most), parsed_all++;
    return found;
}

X509_CRL *
__wrap_PEM_read_bio_X509_CRL(
    BIO *bio, X509_CRL **crl, pem_password_cb *give, void *arg)
{
    X509_CRL *found = __real_PEM_read_bio_X509_CRL(bio, crl, give, arg);

    if (found != NULL)
        count(&parsed, &parsed_most), parsed_all++;
    return found;
}

int
__wrap_X509_STORE_add_cert(X509_STORE *store, X509 *cert)
{
    count(&placed, &placed_most);
    return __real_X509_STORE_add_cert(store, cert);
}

static struct error error;
static struct services_old old;

static void
tear_down(void)
{
    error_clear(&error);
    services_old_clear(&old);
}

TestSuite(services, .fini = tear_down, .timeout = 60);

/* Plain services named by the letters of `names`; a capital one is TLS with a
 * certificate that is not there. */
static struct config *
config_of(const char *names)
{
    char text[TEXT_SIZE] = "";
    size_t length = 0;

    for (const char *name = names; *name != '\0'; name++) {
        bool bad = *name < 'a';

        length += (size_t)snprintf(text + length, sizeof(text) - length,
            "[service %c]\nlisten = %sunix:@%c\n%sconnect = 127.0.0.1:1\n",
            *name, bad ? "tls+" : "", *name,
            bad ? "listen.cert = /no/such/file\n" : "");
        cr_assert_lt(length, sizeof(text));
    }
    return loading_good(text);
}

static size_t
step_all(struct services_work *work)
{
    size_t steps = 1;

    while (services_step(work))
        steps++;
    return steps;
}

Test(services, a_step_makes_one)
{
    struct config *config = config_of("abcde");
    struct services_spec spec = { .config = config };
    struct services_work *work = services_begin(&spec, &error);
    struct service **made;

    cr_assert_not_null(work);
    cr_expect_eq(config->references, 1, "none is made yet");
    cr_expect(services_step(work));
    cr_expect_eq(config->references, 2);
    cr_expect_eq(step_all(work), SERVICES - 1);
    cr_expect_not(services_step(work));
    made = services_finish(work);
    cr_assert_not_null(made);
    for (size_t i = 0; i < SERVICES; i++)
        cr_expect_eq(made[i]->config, &config->services[i]);
    services_free(made, SERVICES);
    config_unref(config);
}

Test(services, can_be_abandoned_at_any_step)
{
    struct config *config = config_of("abcde");
    struct services_spec spec = { .config = config };

    for (size_t steps = 0; steps <= SERVICES; steps++) {
        struct services_work *work = services_begin(&spec, &error);

        cr_assert_not_null(work);
        for (size_t i = 0; i < steps; i++)
            cr_expect_eq(services_step(work), i + 1 < SERVICES);
        services_abandon(work, &old);
        cr_expect_eq(config->references, 1 + steps);
        services_old_clear(&old);
        cr_expect_eq(config->references, 1, "after %zu steps", steps);
    }
    services_abandon(NULL, &old);
    config_unref(config);
}

Test(services, old_ones_go_one_at_a_time)
{
    struct config *config = config_of("abcde");
    struct services_spec spec = { .config = config };

    services_old_add(&old, NULL, 0);
    cr_expect_not(services_old_step(&old));
    services_old_add(&old, services_new(&spec, &error), SERVICES);
    services_old_add(&old, services_new(&spec, &error), SERVICES);
    for (unsigned left = 2 * SERVICES; left > 0; left--) {
        cr_expect_eq(config->references, 1 + left);
        cr_expect(services_old_step(&old));
    }
    cr_expect_not(services_old_step(&old));
    cr_expect_null(old.items);
    services_old_add(&old, services_new(&spec, &error), SERVICES);
    cr_expect(services_old_step(&old));
    services_old_clear(&old);
    cr_expect_eq(config->references, 1);
    config_unref(config);
}

Test(services, finds_every_fault_before_it_fails)
{
    static const struct {
        const char *names;
        size_t faults;
    } cases[] = {
        { "abc", 0 }, { "Abc", 1 }, { "abC", 1 }, { "AbC", 2 }, { "A", 1 },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct config *config = config_of(cases[i].names);
        struct services_spec spec = { .config = config };
        struct services_work *work = services_begin(&spec, &error);
        struct service **made;

        cr_assert_not_null(work);
        cr_expect_eq(step_all(work), config->service_count);
        made = services_finish(work);
        cr_expect_eq(made == NULL, cases[i].faults > 0, "%zu", i);
        cr_expect_eq(error.count, cases[i].faults, "%zu", i);
        services_free(made, config->service_count);
        error_clear(&error);
        cr_expect_eq(config->references, 1);
        config_unref(config);
    }
}

Test(services, keeps_what_has_not_changed_wherever_it_stands)
{
    static const struct {
        const char *before, *now;
        size_t kept;
    } cases[] = {
        { "abcde", "abcde", 5 }, { "abcde", "edcba", 5 },
        { "abcde", "bcde", 4 }, { "abcde", "xabcd", 4 },
        { "abcde", "fghij", 0 }, { "a", "bca", 1 },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct config *first = config_of(cases[i].before);
        struct config *second = config_of(cases[i].now);
        struct services_spec spec = { .config = first };
        struct service **before = services_new(&spec, &error), **now;
        size_t kept = 0;

        spec = (struct services_spec){ .config = second, .previous = before,
            .previous_count = first->service_count };
        now = services_new(&spec, &error);
        cr_assert(before != NULL && now != NULL);
        for (size_t j = 0; j < second->service_count; j++) {
            cr_expect_str_eq(
                now[j]->config->name, second->services[j].name, "%zu", i);
            kept += now[j]->origin == first;
        }
        cr_expect_eq(kept, cases[i].kept, "%zu", i);
        services_free(now, second->service_count);
        services_free(before, first->service_count);
        config_unref(first);
        config_unref(second);
    }
}

/* Two services that trust the same: a file with many authorities, and one with
 * lists. */
static struct config *
config_of_trust(const char *ca_path, const char *crl_path)
{
    struct files *files = files_on_disk();
    struct config *config;
    char text[TEXT_SIZE], *path;
    int length = 0;

    for (int i = 0; i < 2; i++)
        length += snprintf(text + length, sizeof(text) - (size_t)length,
            "[service %c]\nlisten = unix:@%c\nconnect = tls://127.0.0.1:1\n"
            "connect.name = x.example\nconnect.ca = %s\nconnect.crl = %s\n",
            'a' + i, 'a' + i, ca_path, crl_path);
    path = pki_text("t.ini", text, (size_t)length);
    config = config_load_file_keeping(files, path, &error);
    cr_assert_not_null(config, "%s", error.count ? error.messages[0] : "");
    files_unref(files);
    tls_files_gather(config);
    return config;
}

static struct config *
config_of_many_authorities(void)
{
    char *ca_path = NULL, *crl_path = NULL;

    handshake_log(pki_text("log", "", 0));
    for (int i = 0; i < AUTHORITIES; i++) {
        struct pki ca = pki_ca("CA", NULL);
        X509_CRL *crl = i < LISTS ? pki_crl(&ca, NULL, 9) : NULL;

        ca_path = pki_cert("ca.pem", &ca);
        if (crl != NULL)
            crl_path = pki_list("ca.crl", crl);
        X509_CRL_free(crl);
        pki_free(&ca);
    }
    return config_of_trust(ca_path, crl_path);
}

/* The system's store would hold a worker for 24 ms. */
Test(services, a_step_parses_one_authority_or_list, .fini = pki_clean)
{
    struct config *config = config_of_many_authorities();
    struct services_spec spec = {
        .config = config, .shared = tls_shared_new(false),
    };
    struct services_work *work = services_begin(&spec, &error);
    struct service **made;
    bool more;

    cr_assert_not_null(work);
    do {
        parsed = placed = 0;
        more = services_step(work);
    } while (more);
    made = services_finish(work);
    cr_assert_not_null(made, "%s", error.count ? error.messages[0] : "");
    cr_expect_eq(parsed_most, 1);
    cr_expect_eq(placed_most, 1);
    cr_expect_eq(parsed_all, AUTHORITIES + LISTS, "and each only once");
    cr_expect_eq(tls_shared_loaded(spec.shared), 1);
    services_free(made, 2);
    cr_expect_eq(tls_shared_count(spec.shared), 0);
    tls_shared_free(spec.shared);
    config_unref(config);
}

/* Certificates whose keys another process holds. */
static struct config *
config_of_many_certificates(void)
{
    struct files *files = files_on_disk();
    struct config *config;
    char text[TEXT_SIZE], name[16], *path;
    int length = snprintf(text, sizeof(text), "[service a]\n"
        "listen = tls+unix:@a\nconnect = 127.0.0.1:1\n");

    handshake_log(pki_text("log", "", 0));
    for (int i = 0; i < CERTIFICATES; i++) {
        struct pki leaf = pki_make(&(struct pki_spec){ .cn = "leaf" }, NULL);

        snprintf(name, sizeof(name), "%d.pem", i);
        length += snprintf(text + length, sizeof(text) - (size_t)length,
            "listen.cert = %s\n", pki_both(name, &leaf));
        pki_free(&leaf);
    }
    path = pki_text("t.ini", text, (size_t)length);
    config = config_load_file_keeping(files, path, &error);
    cr_assert_not_null(config, "%s", error.count ? error.messages[0] : "");
    files_unref(files);
    tls_files_gather(config);
    return config;
}

/* A service may have thousands. */
Test(services, a_step_parses_one_certificate, .fini = pki_clean)
{
    struct config *config = config_of_many_certificates();
    struct tls_signer signer = { .start = NULL }; /* none is asked for */
    struct services_spec spec = {
        .config = config, .signer = &signer, .shared = tls_shared_new(false),
    };
    struct services_work *work = services_begin(&spec, &error);
    struct service **made;
    bool more;

    cr_assert_not_null(work);
    do {
        parsed = 0;
        more = services_step(work);
    } while (more);
    made = services_finish(work);
    cr_assert_not_null(made, "%s", error.count ? error.messages[0] : "");
    cr_expect_eq(parsed_most, 1);
    cr_expect_eq(parsed_all, CERTIFICATES, "and each only once");
    services_free(made, 1);
    cr_expect_eq(tls_shared_count(spec.shared), 0);
    tls_shared_free(spec.shared);
    config_unref(config);
}

Test(services, can_be_abandoned_between_two_authorities, .fini = pki_clean)
{
    struct config *config = config_of_many_authorities();
    struct services_spec spec = {
        .config = config, .shared = tls_shared_new(false),
    };
    size_t steps = 0;
    bool more = true;

    for (; more; steps++) {
        struct services_work *work = services_begin(&spec, &error);

        cr_assert_not_null(work);
        for (size_t i = 0; i <= steps; i++)
            more = services_step(work);
        services_abandon(work, &old);
        services_old_clear(&old);
        cr_expect_eq(config->references, 1, "after %zu steps", steps);
        cr_expect_eq(tls_shared_count(spec.shared), 0);
    }
    cr_expect_gt(steps, 2 * AUTHORITIES);
    tls_shared_free(spec.shared);
    config_unref(config);
}
