#include "config/config_load.h"

#include <sys/stat.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "config/config_options.h"
#include "loading.h"

static char folder[] = "/tmp/test_config_load.XXXXXX";

static void
make_folder(void)
{
    char *real;

    cr_assert_not_null(mkdtemp(folder));
    real = realpath(folder, NULL);
    cr_assert_str_eq(real, folder);
    free(real);
}

static void
remove_folder(void)
{
    char command[PATH_MAX];

    snprintf(command, sizeof(command), "rm -r '%s'", folder);
    cr_assert_eq(system(command), 0);
}

static const char *
path_of(const char *name)
{
    static char path[4][PATH_MAX];
    static unsigned next;
    char *text = path[next++ % 4];

    snprintf(text, PATH_MAX, "%s/%s", folder, name);
    return text;
}

static void
write_file(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "w");

    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

static struct config *
load(const char *name)
{
    struct error error = { 0 };
    struct config *config = config_load_file(path_of(name), &error);

    for (size_t i = 0; i < error.count; i++)
        cr_log_error("%s", error.messages[i]);
    cr_assert_not_null(config);
    return config;
}

static bool
fails(const char *name, const char *part)
{
    struct error error = { 0 };
    struct config *config = config_load_file(path_of(name), &error);
    bool found = false;

    for (size_t i = 0; config == NULL && i < error.count; i++)
        found = found || strstr(error.messages[i], part) != NULL;
    for (size_t i = 0; !found && i < error.count; i++)
        cr_log_warn("got: %s", error.messages[i]);
    config_unref(config);
    error_clear(&error);
    return found;
}

#define A "[service a]\nlisten = :1\nconnect = x:1\n"
#define B "[service b]\nlisten = :2\nconnect = x:1\n"
#define C "[service c]\nlisten = :3\nconnect = x:1\n"

Test(config_load, fills_in_what_is_written_and_what_is_not)
{
    struct config *config = loading_good(
        "[global]\nlog_level = debug\n"
        "[defaults]\ntimeout.idle = 5m\nlisten.keepalive = off\n"
        "[service a]\nlisten = tls://*:443\nlisten.cert = a.pem\n"
        "listen.cert = b.pem\nconnect = tls://[::1]:5433\ntimeout.idle = 1h\n"
        "listen.alpn = h2, http/1.1\n"
        "[service b]\nlisten = unix:/b\nconnect = unix:@b\n");
    const struct service_config *a = &config->services[0];
    const struct service_config *b = &config->services[1];

    cr_assert_eq(config->service_count, 2);
    cr_expect_eq(config->global.log_level, LOG_LEVEL_DEBUG);
    cr_expect_eq(config->global.log_target, LOG_STDERR);
    cr_expect_eq(config->global.drain_timeout_ms, 30000);
    cr_expect_eq(config->global.max_connections, 8000);
    cr_expect_str_eq(a->name, "a");
    cr_expect_eq(a->origin.line, 6);
    cr_assert_eq(a->listen.count, 1);
    cr_expect_null(a->listen.items[0].host);
    cr_expect(a->listen.items[0].tls);
    cr_expect_eq(a->listen.items[0].origin.line, 7);
    cr_expect_str_eq(a->listen.items[0].origin.file, "t.ini");
    cr_expect_eq(a->listen_leg.cert.count, 2);
    cr_expect_str_eq(a->listen_leg.cert.items[1], "b.pem");
    cr_expect_eq(a->idle_timeout_ms, 3600000);
    cr_expect_eq(b->idle_timeout_ms, 300000);
    cr_expect_not(a->listen_leg.keepalive.on);
    cr_expect(a->connect_leg.keepalive.on);
    cr_expect_eq(a->connect_leg.keepalive.idle_s, 60);
    cr_expect_eq(a->listen_leg.alpn.count, 2);
    cr_expect_eq(a->listen_leg.verify, VERIFY_NONE);
    cr_expect_eq(a->connect_leg.verify, VERIFY_REQUIRED);
    cr_expect_eq(a->connect_leg.ca.count, 1);
    cr_expect_str_eq(a->connect_leg.ca.items[0], "system");
    cr_expect_eq(a->listen_leg.ca.count, 0);
    cr_expect_eq(a->listen_leg.min_version, TLS_VERSION_1_2);
    cr_expect_eq(a->listen_leg.max_version, TLS_VERSION_1_3);
    cr_expect(a->listen_leg.session_tickets);
    cr_expect_eq(a->connect_timeout_ms, 5000);
    cr_expect_eq(a->handshake_timeout_ms, 10000);
    cr_expect_eq(a->half_close_timeout_ms, 3600000);
    cr_expect_eq(a->lifetime_ms, 0);
    cr_expect_eq(a->max_connections, 0);
    cr_expect_eq(b->listen.items[0].kind, ENDPOINT_UNIX);
    cr_expect_eq(b->listen_leg.mode, 0660);
    cr_expect_eq(b->listen_leg.backlog, 4096);
    config_unref(config);
}

Test(config_load, a_list_of_the_service_replaces_that_of_defaults)
{
    struct config *config = loading_good(
        "[defaults]\nconnect.ca = one\nconnect.ca = two\n"
        "[service a]\nlisten = :1\nconnect = tls://x:1\nconnect.ca = three\n"
        "[service b]\nlisten = :2\nconnect = tls://x:1\n");
    const struct strings *a = &config->services[0].connect_leg.ca;
    const struct strings *b = &config->services[1].connect_leg.ca;

    cr_assert_eq(a->count, 1);
    cr_expect_str_eq(a->items[0], "three");
    cr_assert_eq(b->count, 2);
    cr_expect_str_eq(b->items[0], "one");
    cr_expect_str_eq(b->items[1], "two");
    config_unref(config);
}

Test(config_load, remembers_where_each_value_was_written)
{
    struct config *config = loading_good(
        "[service a]\nlisten = :1\nconnect = x:1\nsplice = never\n"
        "[defaults]\ntruncation = tolerate\n");
    static const struct { const char *name; unsigned line; bool shared; }
    cases[] = {
        { "listen", 2, false }, { "splice", 4, false },
        { "truncation", 6, true }, { "timeout.idle", 0, false },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct option *option =
            config_option_find(OPTION_SERVICE, cases[i].name);
        const struct origin *origin =
            &config->services[0].origins[config_option_index(option)];

        cr_expect_eq(origin->line, cases[i].line, "%s", cases[i].name);
        cr_expect_eq(origin->shared, cases[i].shared, "%s", cases[i].name);
        cr_expect_eq(origin->file != NULL, cases[i].line > 0);
    }
    config_unref(config);
}

Test(config_load, paths_start_from_the_folder_of_their_file,
    .init = make_folder, .fini = remove_folder)
{
    struct config *config;

    mkdir(path_of("d"), 0700);
    write_file("main.ini", "[global]\ninclude = d/*.ini\nlog = file:x.log\n"
        "[defaults]\nconnect.ca = ca.pem\n" A);
    write_file("d/b.ini", "[service b]\nlisten = tls://:2\n"
        "connect = tls://x:1\nlisten.cert = b.pem\nlisten.key = /k\n");
    config = load("main.ini");
    cr_assert_eq(config->service_count, 2);
    cr_expect_str_eq(config->global.log_path, path_of("x.log"));
    cr_expect_str_eq(config->services[1].listen_leg.cert.items[0],
        path_of("d/b.pem"));
    cr_expect_str_eq(config->services[1].listen_leg.key.items[0], "/k");
    cr_expect_str_eq(config->services[1].connect_leg.ca.items[0],
        path_of("ca.pem"));
    cr_expect_str_eq(config->path, path_of("main.ini"));
    config_unref(config);
}

Test(config_load, includes_in_the_order_of_names, .init = make_folder,
    .fini = remove_folder)
{
    struct config *config;

    mkdir(path_of("d"), 0700);
    write_file("d/2.ini", B);
    write_file("d/1.ini", C);
    write_file("d/ignored.txt", "nonsense");
    write_file("main.ini", "[global]\ninclude = d/*.ini\n"
        "include = nothing/*.ini\ninclude = d/none*.ini\n" A);
    config = load("main.ini");
    cr_assert_eq(config->service_count, 3);
    cr_expect_str_eq(config->services[0].name, "a");
    cr_expect_str_eq(config->services[1].name, "c");
    cr_expect_str_eq(config->services[2].name, "b");
    config_unref(config);
}

Test(config_load, refuses_bad_includes, .init = make_folder,
    .fini = remove_folder)
{
    static const struct { const char *line, *file, *why; } cases[] = {
        { "include = missing.ini", B, "/main.ini:2: [global] include: cannot "
            "open" },
        { "include = .", B, "Is a directory" },
        { "include = x.ini", "[global]\n", "/x.ini:1: [global] belongs in "
            "the main file" },
        { "include = x.ini", "[defaults]\n", "[defaults] belongs in the main "
            "file" },
        { "include = x.ini", "[global]\ninclude = y.ini\n", "belongs in the "
            "main file" },
        { "include = *.ini", B, "/main.ini:1: [global] belongs in the main "
            "file" },
        { "include = x.ini", A, "/x.ini:1: the section [service a] is "
            "already at " },
        { "include = x.ini", "[service b]\nlisten = :1\nconnect = x:2\n",
            "/x.ini:2: [service b] listen: \":1\" is taken by service a" },
        { "include = x.ini", "[service b]\nlisten = q\nconnect = x:2\n",
            "/x.ini:2: [service b] listen: \"q\" has no port" },
        { "include = x.ini", "a\tb\n", "/x.ini:1: there is a tab" },
        { "include = x.ini\ninclude = x.ini", B, "already at" },
        { "include =", B, "missing" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[512];

        snprintf(text, sizeof(text), "[global]\n%s\n" A, cases[i].line);
        write_file("main.ini", text);
        write_file("x.ini", cases[i].file);
        cr_expect(fails("main.ini", cases[i].why), "%s: %s", cases[i].line,
            cases[i].why);
    }
    cr_expect(loading_fails("[global]\ninclude = x\n" A, "t.ini:2: [global] "
        "include: this text is not a file"));
}

Test(config_load, a_folder_with_odd_letters, .init = make_folder,
    .fini = remove_folder)
{
    struct config *config;

    mkdir(path_of("a[b]*\\c"), 0700);
    write_file("a[b]*\\c/main.ini", "[global]\ninclude = x*.ini\n" A);
    write_file("a[b]*\\c/x1.ini", B);
    config = load("a[b]*\\c/main.ini");
    cr_expect_eq(config->service_count, 2);
    config_unref(config);
}

Test(config_load, refuses_what_is_no_file, .init = make_folder,
    .fini = remove_folder)
{
    static char huge[MIB(4) + 2];

    cr_expect(fails("missing.ini", "cannot open"));
    cr_expect(fails("missing.ini", "No such file"));
    cr_expect(fails(".", "Is a directory"));
    memset(huge, '\n', sizeof(huge) - 1);
    write_file("huge.ini", huge);
    cr_expect(fails("huge.ini", "larger than 4194304"));
}

/* Every error of a run, in files and sections, comes at once. */
Test(config_load, reports_all_errors_at_once, .init = make_folder,
    .fini = remove_folder)
{
    /* [defaults] is at fault, so [service c] is not looked at for more. */
    static const char *const parts[] = {
        "main.ini:2: [global] log_level", "main.ini:3: [global] nonsense",
        "main.ini:5: [defaults] timeout.idle", "main.ini:7: [service a] listen",
        "main.ini:9: [service a] a value", "main.ini:10: the section [global]",
        "x.ini:2: [service b] connect",
    };
    struct error error = { 0 };

    write_file("main.ini", "[global]\nlog_level = x\nnonsense = 1\n"
        "[defaults]\ntimeout.idle = 5\n"
        "[service a]\nlisten = a\nconnect = b:1\nsplice: auto\n"
        "[global]\ninclude = x.ini\n");
    write_file("x.ini", "[service b]\nconnect = c\n");
    cr_expect_null(config_load_file(path_of("main.ini"), &error));
    for (size_t i = 0; i < COUNT(parts); i++) {
        bool found = false;

        for (size_t j = 0; j < error.count; j++)
            found = found || strstr(error.messages[j], parts[i]) != NULL;
        cr_expect(found, "%s", parts[i]);
    }
    error_clear(&error);
}

/* An earlier message in the list is no fault of this file. */
Test(config_load, keeps_earlier_messages)
{
    struct error error = { 0 };
    struct config *config;

    error_add(&error, "earlier");
    config = loading_text(A, &error);
    cr_expect_not_null(config);
    cr_expect_eq(error.count, 1);
    config_unref(config);
    error_clear(&error);
}
