/* What a reload keeps, and what it makes anew. */
#include "relay/service.h"

#include <sys/stat.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/error.h"
#include "base/scoreboard.h"
#include "config/config.h"
#include "config/config_load.h"
#include "config/loading.h"
#include "files/files.h"
#include "relay/service_diff.h"
#include "relay/services.h"
#include "tls/handshake.h"
#include "tls/pki.h"
#include "tls/tls_files.h"
#include "tls/tls_session_cache.h"
#include "tls/tls_signer.h"

enum { TEXT_SIZE = 4096 };

static struct pki leaf, other;
static char *file, *ca_folder;

static void
set_up(void)
{
    handshake_log(pki_text("log", "", 0));
    leaf = pki_make(&(struct pki_spec){ .cn = "leaf" }, NULL);
    other = pki_make(&(struct pki_spec){ .cn = "other" }, NULL);
    file = pki_both("leaf.pem", &leaf);
    ca_folder = pki_cert("ca.pem", &leaf);
}

static void
tear_down(void)
{
    pki_free(&leaf);
    pki_free(&other);
    pki_clean();
}

TestSuite(service, .init = set_up, .fini = tear_down, .timeout = 60);

/* From a file, with what it names: what a reload compares. */
static struct config *
load(const char *text)
{
    struct error error = { .count = 0 };
    char path[300];
    FILE *out;
    struct files *files = files_on_disk();
    struct config *config;

    snprintf(path, sizeof(path), "%s/x.ini", pki_folder());
    out = fopen(path, "w");
    cr_assert_not_null(out);
    fputs(text, out);
    fclose(out);
    config = config_load_file_keeping(files, path, &error);
    unlink(path);
    for (size_t k = 0; k < error.count; k++)
        cr_log_error("%s", error.messages[k]);
    cr_assert_not_null(config);
    files_unref(files);
    tls_files_gather(config);
    return config;
}

/* Two services; `more` is added to the first. */
static struct config *
config_of(const char *before, const char *more)
{
    char text[TEXT_SIZE];

    snprintf(text, sizeof(text),
        "%s\n[service web]\nlisten = tls://127.0.0.1:4433\n"
        "listen.cert = %s\nconnect = tls://127.0.0.1:80\n"
        "connect.ca = %s\nconnect.name = leaf\n%s\n"
        "[service plain]\nlisten = 127.0.0.1:8080\nconnect = 127.0.0.1:80\n",
        before, file, ca_folder, more);
    return load(text);
}

/* Makes the services and drops the test's own reference. */
static struct service **
make(struct config *config, struct service **previous,
    const struct scoreboard *board)
{
    struct error error = { .count = 0 };
    struct service **made = services_new(&(struct services_spec){
        .config = config, .previous = previous,
        .previous_count = previous != NULL ? 2 : 0, .board = board }, &error);

    for (size_t i = 0; i < error.count; i++)
        cr_log_error("%s", error.messages[i]);
    cr_assert_not_null(made);
    config_unref(config);
    return made;
}

/* Its contexts would ask for signatures where there is no signer to ask. */
Test(service, one_with_other_keepers_is_made_anew)
{
    struct tls_signer no_signer = { 0 };
    struct config *config = config_of("", "");
    struct service **old = make(config_ref(config), NULL, NULL);
    struct error error = { .count = 0 };
    struct services_spec spec = { .config = config, .previous = old,
        .previous_count = 2, .signer = &no_signer };
    struct service **new = services_new(&spec, &error), **again;

    cr_assert_not_null(new);
    cr_expect_neq(new[0], old[0]);
    spec.previous = new;
    again = services_new(&spec, &error);
    cr_assert_not_null(again);
    cr_expect_eq(again[0], new[0]);
    services_free(again, 2);
    services_free(new, 2);
    services_free(old, 2);
    config_unref(config);
}

Test(service, what_has_not_changed_is_kept)
{
    static const struct {
        const char *before, *more;
        bool kept;
    } cases[] = {
        { "", "", true },
        { "; other lines\n", "; and here", true },
        { "[global]\nmax_connections = 77\n", "", true },
        { "", "timeout.idle = 5m\n", false },
        { "", "max_connections = 5\n", false },
        { "", "listen = 127.0.0.1:4434\n", false },
        { "", "listen.alpn = h2\n", false },
        { "", "connect.verify = none\n", false },
        { "[defaults]\ntimeout.half_close = 7s\n", "", false },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct service **old = make(config_of("", ""), NULL, NULL);
        struct service **new =
            make(config_of(cases[i].before, cases[i].more), old, NULL);
        bool everything = cases[i].kept || strstr(cases[i].before, "defaults");

        cr_expect_eq(new[0] == old[0], cases[i].kept, "%zu", i);
        cr_expect_eq(new[1] == old[1],
            everything ? cases[i].kept : true, "%zu: the other one", i);
        services_free(old, 2);
        cr_expect_str_eq(new[0]->config->name, "web");
        services_free(new, 2);
    }
}

Test(service, a_file_with_other_contents_is_a_change)
{
    struct service **old = make(config_of("", ""), NULL, NULL), **new;

    cr_assert_eq(unlink(file), 0);
    file = pki_both("leaf.pem", &other);
    new = make(config_of("", ""), old, NULL);
    cr_expect_neq(new[0], old[0]);
    cr_expect_eq(new[1], old[1], "it has no TLS");
    services_free(old, 2);
    old = new;
    pki_cert("ca.pem", &other);
    new = make(config_of("", ""), old, NULL);
    cr_expect_neq(new[0], old[0]);
    services_free(old, 2);
    services_free(new, 2);
}

static struct config *
config_with_ca(const char *ca)
{
    char text[TEXT_SIZE];

    snprintf(text, sizeof(text),
        "[service web]\nlisten = 127.0.0.1:1\nconnect = tls://h:2\n"
        "connect.ca = %s\n", ca);
    return load(text);
}

static void
expect_change(const char *ca, struct config **last, const char *what)
{
    struct config *now = config_with_ca(ca), *again = config_with_ca(ca);

    cr_expect(service_is_same(&now->services[0], &again->services[0]),
        "%s: twice", what);
    cr_expect_not(service_is_same(&(*last)->services[0], &now->services[0]),
        "%s", what);
    config_unref(again);
    config_unref(*last);
    *last = now;
}

Test(service, a_change_in_a_folder_is_one)
{
    struct config *last;
    char folder[256], path[300];
    FILE *out;

    snprintf(folder, sizeof(folder), "%s/store", pki_folder());
    snprintf(path, sizeof(path), "%s/a.pem", folder);
    last = config_with_ca(folder);
    cr_assert_eq(mkdir(folder, 0700), 0);
    expect_change(folder, &last, "it is there");
    out = fopen(path, "w");
    expect_change(folder, &last, "a file");
    fputs("text", out);
    fclose(out);
    expect_change(folder, &last, "contents");
    cr_assert_eq(unlink(path), 0);
    expect_change(folder, &last, "no file");
    cr_assert_eq(rmdir(folder), 0);
    expect_change(folder, &last, "it is gone");
    expect_change("system", &last, "the system's");
    config_unref(last);
}

Test(service, without_kept_files_nothing_is_known_to_be_the_same)
{
    static const char text[] = "[service web]\nlisten = 127.0.0.1:1\n"
        "connect = %s127.0.0.1:2\n";
    char tls[TEXT_SIZE], plain[TEXT_SIZE];
    struct config *a, *b;

    snprintf(tls, sizeof(tls), text, "tls://");
    snprintf(plain, sizeof(plain), text, "");
    a = loading_good(tls);
    b = loading_good(plain);
    cr_expect_not(service_is_same(&a->services[0], &a->services[0]));
    cr_expect(service_is_same(&b->services[0], &b->services[0]));
    config_unref(a);
    config_unref(b);
}

Test(service, lives_as_long_as_a_connection_has_it)
{
    struct service **list = make(config_of("", ""), NULL, NULL);
    struct service *held = service_ref(list[0]);

    services_free(list, 2);
    cr_expect_str_eq(held->config->name, "web");
    cr_expect_not_null(held->accept_context);
    service_unref(held);
    service_unref(NULL);
    services_free(NULL, 0);
}

Test(service, knows_its_column_on_the_board)
{
    struct scoreboard *board = scoreboard_new();
    unsigned plain = scoreboard_service_index(board, "plain");
    struct service **list = make(config_of("", ""), NULL, board);

    cr_expect_eq(list[0]->index, SCOREBOARD_ALL, "it was given none");
    cr_expect_eq(list[1]->index, plain);
    services_free(list, 2);
    scoreboard_free(board);
}

Test(service, one_fault_and_none_is_made)
{
    struct error error = { .count = 0 };
    struct services_spec spec = { 0 };
    struct config *config;

    cr_assert_eq(unlink(file), 0);
    spec.config = config = config_of("", "");
    cr_expect_null(services_new(&spec, &error));
    cr_expect(error_any(&error));
    error_clear(&error);
    config_unref(config);
}
