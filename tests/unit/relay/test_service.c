/* What a reload keeps, and what it makes anew. */
#include "relay/service.h"

#include <sys/stat.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/board.h"
#include "base/error.h"
#include "config/config.h"
#include "config/loading.h"
#include "tls/handshake.h"
#include "tls/pki.h"
#include "tls/tls_resume.h"

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
    return loading_good(text);
}

/* Makes the services and drops the test's own reference. */
static struct service **
make(struct config *config, struct service **previous,
    const struct board *board)
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

static void
digest_of(const char *ca, unsigned char out[SERVICE_DIGEST_BYTES])
{
    char text[TEXT_SIZE];
    struct config *config;

    snprintf(text, sizeof(text),
        "[service web]\nlisten = 127.0.0.1:1\nconnect = tls://h:2\n"
        "connect.ca = %s\n", ca);
    config = loading_good(text);
    cr_assert(service_digest(config, 0, out));
    config_unref(config);
}

static void
expect_change(const char *ca, unsigned char last[SERVICE_DIGEST_BYTES],
    const char *what)
{
    unsigned char now[SERVICE_DIGEST_BYTES], again[SERVICE_DIGEST_BYTES];

    digest_of(ca, now);
    digest_of(ca, again);
    cr_expect_eq(memcmp(now, again, sizeof(now)), 0, "%s: twice", what);
    cr_expect_neq(memcmp(now, last, sizeof(now)), 0, "%s", what);
    memcpy(last, now, sizeof(now));
}

Test(service, a_digest_sees_what_is_in_a_folder)
{
    unsigned char last[SERVICE_DIGEST_BYTES];
    char folder[256], path[300];
    FILE *out;

    snprintf(folder, sizeof(folder), "%s/store", pki_folder());
    snprintf(path, sizeof(path), "%s/a.pem", folder);
    digest_of(folder, last);
    cr_assert_eq(mkdir(folder, 0700), 0);
    expect_change(folder, last, "it is there");
    out = fopen(path, "w");
    expect_change(folder, last, "a file");
    fputs("text", out);
    fclose(out);
    expect_change(folder, last, "contents");
    cr_assert_eq(unlink(path), 0);
    expect_change(folder, last, "no file");
    cr_assert_eq(rmdir(folder), 0);
    expect_change(folder, last, "it is gone");
    digest_of("system", last);
}

Test(service, lives_as_long_as_somebody_has_it)
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
    struct board *board = board_new();
    unsigned plain = board_service_index(board, "plain");
    struct service **list = make(config_of("", ""), NULL, board);

    cr_expect_eq(list[0]->index, BOARD_ALL, "nobody gave it one");
    cr_expect_eq(list[1]->index, plain);
    services_free(list, 2);
    board_free(board);
}

Test(service, one_fault_and_none_is_made)
{
    struct error error = { .count = 0 };
    struct config *config = config_of("", "");
    struct services_spec spec = { .config = config };

    cr_assert_eq(unlink(file), 0);
    cr_expect_null(services_new(&spec, &error));
    cr_expect(error_any(&error));
    error_clear(&error);
    config_unref(config);
}
