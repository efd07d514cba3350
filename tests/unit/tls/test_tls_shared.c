/* What contexts have in common, and when they do not. */
#include "tls/tls_shared.h"

#include <criterion/criterion.h>

#include <openssl/ssl.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "files/files.h"
#include "handshake.h"
#include "pki.h"
#include "tls/tls_files.h"
#include "tls/tls_remote_key.h"
#include "tls/tls_secret.h"
#include "tls/tls_ticket_keys.h"
#include "tls/tls_trial.h"
#include "tls/tls_vault.h"

enum { SERVICES = 2 };

static struct pki ca, leaf;
static char *log_path, *ca_file, *cert_file, *key_file;
static char *crl_file, *other_crl_file;
static struct tls_ticket_secrets tickets = { .count = 1 };
static char first_name[] = "first", second_name[] = "second";

/* Two services of one configuration, and what their files say now. */
static struct service_config services[SERVICES];
static struct endpoint tls = { .tls = true };

static char *
list(const char *name, const struct pki *revoked, int days)
{
    X509_CRL *crl = pki_crl(&ca, revoked, days);
    char *path = pki_list(name, crl);

    X509_CRL_free(crl);
    return path;
}

static void
set_up(void)
{
    struct error error = { .count = 0 };

    log_path = pki_text("log", "", 0);
    handshake_log(log_path);
    ca = pki_ca("CA", NULL);
    leaf = pki_make(&(struct pki_spec){ .cn = "leaf" }, &ca);
    ca_file = pki_cert("ca.pem", &ca);
    cert_file = pki_cert("leaf.pem", &leaf);
    key_file = pki_key("leaf.key", &leaf, NULL);
    crl_file = list("one.crl", NULL, 9);
    other_crl_file = list("two.crl", NULL, 9);
    cr_assert(tls_secret_make(&tickets.items[0], &error));
    for (size_t i = 0; i < SERVICES; i++)
        services[i] = (struct service_config){
            .name = i == 0 ? first_name : second_name,
            .listen = { &tls, 1 },
            .listen_leg = LEG(.cert = { &cert_file, 1 },
                .key = { &key_file, 1 }, .verify = VERIFY_REQUIRED,
                .ca = { &ca_file, 1 }, .crl = { &crl_file, 1 }),
        };
}

static void
tear_down(void)
{
    pki_free(&ca);
    pki_free(&leaf);
    pki_clean();
}

TestSuite(tls_shared, .init = set_up, .fini = tear_down, .timeout = 60);

/* The files as they are on the disk now. */
static void
load_files(struct config *config)
{
    *config = (struct config){
        .services = services, .service_count = SERVICES,
        .files = files_on_disk(),
    };
    cr_assert_not_null(config->files);
    tls_files_gather(config);
}

static struct tls_context *
make_by(tls_trial_context_fn *by, struct config *config, size_t which,
    struct tls_shared *shared)
{
    const struct tls_resources resources = {
        .tickets = &tickets, .shared = shared,
    };
    struct service_config service = services[which];
    struct error error = { .count = 0 };
    struct tls_context *context;

    service.config = config;
    context = by(&service, TLS_ACCEPT, &resources, &error);
    cr_assert_not_null(
        context, "%s", error.count > 0 ? error.messages[0] : "");
    return context;
}

static struct tls_context *
make(struct config *config, size_t which, struct tls_shared *shared)
{
    return make_by(tls_context_new, config, which, shared);
}

static X509_STORE *
store_of(const struct tls_context *context)
{
    return SSL_CTX_get_cert_store(tls_context_ssl(context));
}

static X509 *
leaf_of(const struct tls_context *context)
{
    return SSL_CTX_get0_certificate(tls_context_ssl(context));
}

/* Made of the policy's digest, so that they tell whether this is the same. */
static bool
have_same_policy(const struct tls_context *a, const struct tls_context *b)
{
    size_t length, other;
    const unsigned char *id = tls_ticket_keys_id(tls_context_ssl(a), &length);
    const unsigned char *its = tls_ticket_keys_id(tls_context_ssl(b), &other);

    cr_assert(id != NULL && its != NULL);
    return length == other && memcmp(id, its, length) == 0;
}

Test(tls_shared, services_with_the_same_trust_have_one_store)
{
    struct tls_shared *shared = tls_shared_new(false);
    struct tls_context *first, *second;
    struct config config;

    load_files(&config);
    first = make(&config, 0, shared);
    second = make(&config, 1, shared);
    cr_expect_eq(store_of(first), store_of(second));
    cr_expect_eq(leaf_of(first), leaf_of(second));
    cr_expect_eq(tls_shared_loaded(shared), 2); /* a pair, and a set */
    tls_context_free(first);
    cr_expect_eq(tls_shared_count(shared), 2);
    tls_context_free(second);
    cr_expect_eq(tls_shared_count(shared), 0);
    tls_shared_free(shared);
    files_unref(config.files);
}

Test(tls_shared, options_of_their_own_have_stores_of_their_own)
{
    struct tls_shared *shared = tls_shared_new(false);
    struct tls_context *first, *second;
    struct config config;

    services[1].listen_leg.crl.items = &other_crl_file;
    load_files(&config);
    first = make(&config, 0, shared);
    second = make(&config, 1, shared);
    cr_expect_neq(store_of(first), store_of(second));
    cr_expect_eq(leaf_of(first), leaf_of(second));
    tls_context_free(first);
    tls_context_free(second);
    tls_shared_free(shared);
    files_unref(config.files);
}

/* A reload has files of its own, which mostly say what those before said. */
Test(tls_shared, a_changed_list_is_loaded_anew_and_nothing_else)
{
    struct tls_shared *shared = tls_shared_new(false);
    struct tls_context *before[SERVICES], *now[SERVICES];
    struct config config, reloaded;

    services[1].listen_leg.crl.items = &other_crl_file;
    load_files(&config);
    for (size_t i = 0; i < SERVICES; i++)
        before[i] = make(&config, i, shared);
    unlink(other_crl_file);
    list("two.crl", &leaf, 9);
    load_files(&reloaded);
    for (size_t i = 0; i < SERVICES; i++)
        now[i] = make(&reloaded, i, shared);
    cr_expect_eq(store_of(before[0]), store_of(now[0]));
    cr_expect_neq(store_of(before[1]), store_of(now[1]));
    cr_expect_eq(leaf_of(before[1]), leaf_of(now[1]));
    cr_expect_eq(tls_shared_loaded(shared), 4);
    cr_expect(have_same_policy(before[0], now[0]));
    cr_expect_not(have_same_policy(before[1], now[1]));
    for (size_t i = 0; i < SERVICES; i++)
        tls_context_free(before[i]);
    cr_expect_eq(tls_shared_count(shared), 3);
    tls_shared_free(shared);
    for (size_t i = 0; i < SERVICES; i++)
        tls_context_free(now[i]);
    files_unref(config.files);
    files_unref(reloaded.files);
}

/* Sessions are resumed whether a worker loaded a file itself or found it. */
Test(tls_shared, the_policy_is_the_same_with_and_without)
{
    struct tls_shared *shared = tls_shared_new(true);
    struct tls_context *first, *second, *other, *alone;
    struct config config;

    load_files(&config);
    first = make(&config, 0, shared);
    second = make(&config, 0, shared);
    other = make(&config, 1, shared);
    alone = make(&config, 0, NULL);
    cr_expect(have_same_policy(first, second));
    cr_expect(have_same_policy(first, alone));
    cr_expect_not(have_same_policy(first, other));
    tls_context_free(first);
    tls_context_free(second);
    tls_context_free(other);
    tls_context_free(alone);
    cr_expect_eq(tls_shared_count(shared), 2); /* it keeps them */
    tls_shared_free(shared);
    files_unref(config.files);
}

static size_t
sign_with(const struct tls_vault *vault)
{
    static const unsigned char hash[32] = { 1 };
    struct tls_sign_request request = {
        .scheme = TLS_SIGN_ECDSA, .digest = TLS_DIGEST_SHA256,
        .bytes = hash, .length = sizeof(hash),
    };
    unsigned char signature[TLS_SIGNATURE_MAX];

    cr_assert(tls_remote_key_name(leaf.cert, &request.key));
    return tls_vault_sign(vault, &request, signature);
}

/* One before the other, as a reload has them; a key in two files is one. */
Test(tls_shared, a_second_vault_reads_no_key_again)
{
    struct tls_shared *shared = tls_shared_new(false);
    struct error error = { .count = 0 };
    struct tls_vault *first, *second, *third;
    struct config config, reloaded;
    char *copy = pki_cert("copy.pem", &leaf);

    services[0].config = services[1].config = &config;
    services[1].listen_leg.cert.items = &copy;
    load_files(&config);
    first = tls_vault_new(&config, shared, &error);
    cr_assert_not_null(first);
    cr_expect_eq(tls_vault_count(first), 1);
    cr_expect_eq(tls_shared_loaded(shared), 2);
    load_files(&reloaded);
    services[0].config = services[1].config = &reloaded;
    second = tls_vault_new(&reloaded, shared, &error);
    cr_expect_eq(tls_shared_loaded(shared), 2);
    tls_vault_free(first);
    cr_expect_gt(sign_with(second), 0);
    files_unref(reloaded.files);
    unlink(key_file);
    pki_key("leaf.key", &leaf, "but encrypted");
    load_files(&reloaded);
    third = tls_vault_new(&reloaded, shared, &error);
    cr_expect_null(third);
    cr_expect_eq(error.count, 2);
    error_clear(&error);
    tls_vault_free(second);
    cr_expect_eq(tls_shared_count(shared), 0);
    tls_shared_free(shared);
    files_unref(config.files);
    files_unref(reloaded.files);
}

static void
expect_log(const char *words)
{
    static char text[16384];
    FILE *file = fopen(log_path, "r");
    size_t length = fread(text, 1, sizeof(text) - 1, file);

    fclose(file);
    text[length] = '\0';
    cr_expect_not_null(strstr(text, words), "no \"%s\" in: %s", words, text);
}

Test(tls_shared, each_service_is_warned_of_what_they_share)
{
    struct tls_shared *shared = tls_shared_new(false);
    struct tls_context *first, *second;
    struct config config;

    unlink(crl_file);
    list("one.crl", NULL, -1);
    load_files(&config);
    first = make(&config, 0, shared);
    second = make(&config, 1, shared);
    expect_log("first: listen.crl: ");
    expect_log("second: listen.crl: ");
    tls_context_free(first);
    tls_context_free(second);
    tls_shared_free(shared);
    files_unref(config.files);
}

/* What is warned of, each is warned of. */
Test(tls_shared, a_trial_makes_one_context_for_legs_that_say_the_same)
{
    struct tls_shared *shared = tls_shared_new(true);
    struct tls_context *first, *second, *other;
    struct config config;

    unlink(crl_file);
    list("one.crl", NULL, -1);
    load_files(&config);
    first = make_by(tls_trial_context, &config, 0, shared);
    second = make_by(tls_trial_context, &config, 1, shared);
    cr_expect_eq(first, second);
    cr_expect_eq(tls_shared_loaded(shared), 3);
    expect_log("first: listen.crl: ");
    expect_log("second: listen.crl: ");
    services[1].listen_leg.verify_depth = 2;
    other = make_by(tls_trial_context, &config, 1, shared);
    cr_expect_neq(first, other);
    tls_context_free(first);
    tls_context_free(second);
    tls_context_free(other);
    tls_shared_free(shared);
    files_unref(config.files);
}

static void
expect_faults_of_each(tls_trial_context_fn *by)
{
    static const char broken[] = "-----BEGIN X509 CRL-----\nMIIB\n"
        "-----END X509 CRL-----\n";
    struct tls_shared *shared = tls_shared_new(true);
    const struct tls_resources resources = { .shared = shared };
    struct error error = { .count = 0 };
    struct config config;
    char words[64];

    unlink(crl_file);
    pki_text("one.crl", broken, sizeof(broken) - 1);
    unlink(key_file);
    load_files(&config);
    for (size_t i = 0; i < SERVICES; i++) {
        services[i].config = &config;
        cr_expect_null(by(&services[i], TLS_ACCEPT, &resources, &error));
        services[i].config = NULL;
    }
    cr_assert_eq(error.count, 2 * SERVICES);
    for (size_t i = 0; i < error.count; i++) {
        snprintf(words, sizeof(words), "[service %s] listen.%s: ",
            services[i / 2].name, i % 2 == 0 ? "key" : "crl");
        cr_expect_not_null(strstr(error.messages[i], words), "%s",
            error.messages[i]);
    }
    error_clear(&error);
    cr_expect_eq(
        tls_shared_loaded(shared), by == tls_trial_context ? 3 : 2);
    tls_shared_free(shared);
    files_unref(config.files);
}

Test(tls_shared, each_service_reports_the_faults_of_what_they_share)
{
    expect_faults_of_each(tls_context_new);
}

Test(tls_shared, each_service_reports_the_faults_that_a_trial_found_once)
{
    expect_faults_of_each(tls_trial_context);
}
