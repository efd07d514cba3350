#include "files/files.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/error.h"
#include "base/scratch.h"
#include "config/config.h"
#include "config/config_load.h"
#include "loading.h"

enum { LIMIT = 1000, NOBODY = 65534 };

static void
write_bytes(const char *name, const char *text, size_t length)
{
    FILE *file = fopen(scratch_path(name), "w");

    cr_assert_not_null(file);
    cr_assert_eq(fwrite(text, 1, length, file), length);
    fclose(file);
}

static void
write_file(const char *name, const char *text)
{
    write_bytes(name, text, strlen(text));
}

/* Of every kind that a configuration may name. */
static void
make_files(void)
{
    static char large[LIMIT + 1];
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    write_file("good", "text");
    write_file("empty", "");
    write_bytes("nul", "a\0b", 3);
    write_bytes("most", large, LIMIT);
    write_bytes("large", large, LIMIT + 1);
    write_file("closed", "x");
    chmod(scratch_path("closed"), 0);
    mkdir(scratch_path("folder"), 0700);
    mkdir(scratch_path("shut"), 0);
    mkfifo(scratch_path("fifo"), 0666);
    strcpy(address.sun_path, scratch_path("socket"));
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
    cr_assert_eq(symlink("loop", scratch_path("loop")), 0);
    cr_assert_eq(symlink("good", scratch_path("link")), 0);
}

static void
remove_files(void)
{
    char command[512];

    cr_assert_eq(seteuid(getuid()), 0);
    snprintf(command, sizeof(command), "rm -rf '%s'", scratch_path(""));
    cr_assert_eq(system(command), 0);
}

/* Permissions mean nothing to root. */
static void
become_nobody(void)
{
    chmod(scratch_path(""), 0777);
    if (getuid() == 0)
        cr_assert_eq(seteuid(NOBODY), 0);
}

TestSuite(files, .init = make_files, .fini = remove_files, .timeout = 20);

static struct files *
keeping(void)
{
    struct files *files = files_on_disk();

    cr_assert_not_null(files);
    return files;
}

/* What a process knows that has the bundle only. */
static struct files *
packed(const struct files *files)
{
    struct error error = { 0 };
    int fd = files_pack(files, &error);
    struct files *copy = fd >= 0 ? files_in_bundle(fd, -1, &error) : NULL;

    cr_assert_not_null(copy, "%s", error.count > 0 ? error.messages[0] : "");
    close(fd);
    return copy;
}

/* The same from the disk, from files that keep, and from their bundle. */
static void
expect_contents(const char *path, enum file_use use, enum file_result result,
    int why, const char *text, size_t length)
{
    struct files *kept = keeping(), *bundle, *sources[3] = { NULL, kept };
    struct file_content content;

    (void)files_gather(kept, use, path, LIMIT);
    bundle = sources[2] = packed(kept);
    for (size_t i = 0; i < COUNT(sources); i++) {
        cr_expect_eq(files_read(sources[i], use, path, LIMIT, &content),
            result, "%s %zu", path, i);
        cr_expect_eq(content.why, why, "%s %zu", path, i);
        cr_assert_eq(content.length, length, "%s %zu", path, i);
        cr_expect(length == 0 || memcmp(content.text, text, length) == 0);
        files_release(&content);
    }
    files_unref(kept);
    files_unref(bundle);
}

Test(files, answers_alike_from_disk_and_bundle)
{
    static char zeros[LIMIT];
    static const struct {
        const char *name;
        enum file_result result;
        int why;
        const char *text;
        size_t length;
    } cases[] = {
        { "good", FILE_DONE, 0, "text", 4 },
        { "link", FILE_DONE, 0, "text", 4 },
        { "empty", FILE_DONE, 0, "", 0 },
        { "nul", FILE_DONE, 0, "a\0b", 3 },
        { "most", FILE_DONE, 0, zeros, LIMIT },
        { "large", FILE_TOO_LARGE, 0, "", 0 },
        { "missing", FILE_NOT_OPENED, ENOENT, "", 0 },
        { "good/x", FILE_NOT_OPENED, ENOTDIR, "", 0 },
        { "loop", FILE_NOT_OPENED, ELOOP, "", 0 },
        { "closed", FILE_NOT_OPENED, EACCES, "", 0 },
        { "shut/x", FILE_NOT_OPENED, EACCES, "", 0 },
        { "folder", FILE_IS_DIRECTORY, 0, "", 0 },
        { "shut", FILE_IS_DIRECTORY, 0, "", 0 },
        { "fifo", FILE_NOT_REGULAR, 0, "", 0 },
        { "socket", FILE_NOT_REGULAR, 0, "", 0 },
    };

    become_nobody();
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (int use = FILE_FOR_CONFIG; use <= FILE_FOR_TLS_SECRET; use++)
            expect_contents(scratch_path(cases[i].name), (enum file_use)use,
                cases[i].result, cases[i].why, cases[i].text,
                cases[i].length);
    }
    expect_contents("", FILE_FOR_TLS, FILE_NOT_OPENED, ENOENT, "", 0);
    expect_contents("/dev/null", FILE_FOR_TLS, FILE_NOT_REGULAR, 0, "", 0);
}

Test(files, a_bundle_knows_of_nothing_else)
{
    struct files *kept = keeping(), *bundle = packed(kept);
    struct strings names = { 0 };
    struct file_content content;

    cr_expect_eq(files_read(bundle, FILE_FOR_TLS, scratch_path("good"), LIMIT,
        &content), FILE_NOT_OPENED);
    cr_expect_eq(content.why, ENOENT);
    cr_expect_not(files_list(bundle, scratch_path("folder"), &names));
    cr_expect_eq(errno, ENOENT);
    cr_expect_null(files_directory(bundle, "."));
    cr_expect_null(files_variable(bundle, "PATH"));
    files_unref(kept);
    files_unref(bundle);
}

/* As the demo has them, whose certificate is nowhere but in its memory. */
Test(files, reads_an_open_descriptor_once)
{
    struct files *kept = keeping(), *bundle;
    int fd = memfd_create("test", 0);
    struct file_content content;
    char path[64];

    cr_assert_eq(write(fd, "key", 3), 3);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    cr_expect_eq(files_gather(kept, FILE_FOR_TLS, path, LIMIT), FILE_DONE);
    close(fd);
    bundle = packed(kept);
    files_unref(kept);
    cr_assert_eq(files_read(bundle, FILE_FOR_TLS, path, LIMIT, &content),
        FILE_DONE);
    cr_expect_eq(content.length, 3);
    files_release(&content);
    files_unref(bundle);
}

Test(files, a_file_has_all_its_readers_limits)
{
    struct files *kept = keeping(), *bundle;
    const char *path = scratch_path("large");

    cr_expect_eq(files_gather(kept, FILE_FOR_TLS, path, LIMIT),
        FILE_TOO_LARGE);
    cr_expect_eq(files_gather(kept, FILE_FOR_TLS, path, LIMIT + 1),
        FILE_DONE);
    cr_expect_eq(files_count(kept), 1);
    bundle = packed(kept);
    cr_expect_eq(files_gather(bundle, FILE_FOR_TLS, path, LIMIT),
        FILE_TOO_LARGE);
    cr_expect_eq(files_gather(bundle, FILE_FOR_TLS, path, LIMIT + 1),
        FILE_DONE);
    files_unref(kept);
    files_unref(bundle);
}

Test(files, keeps_what_it_was_told_first)
{
    struct files *kept = keeping();
    struct file_content content;
    const char *path = scratch_path("good");

    (void)files_gather(kept, FILE_FOR_TLS, path, LIMIT);
    write_file("good", "other");
    cr_expect_eq(files_read(kept, FILE_FOR_TLS, path, LIMIT, &content),
        FILE_DONE);
    cr_expect_eq(content.length, 4);
    cr_expect_eq(files_read(NULL, FILE_FOR_TLS, path, LIMIT, &content),
        FILE_DONE);
    cr_expect_eq(content.length, 5);
    files_release(&content);
    files_unref(kept);
}

Test(files, knows_what_is_secret)
{
    static const struct { enum file_use use; const char *text; bool want; }
    cases[] = {
        { FILE_FOR_TLS_SECRET, "passphrase", true },
        { FILE_FOR_TLS, "-----BEGIN CERTIFICATE-----", false },
        { FILE_FOR_TLS, "-----BEGIN CERTIFICATE-----\n"
          "-----BEGIN ENCRYPTED PRIVATE KEY-----", true },
        { FILE_FOR_TLS, "-----BEGIN PRIVATE KEY-----", true },
        { FILE_FOR_TLS, "-----BEGIN EC PRIVATE KEY-----", true },
        { FILE_FOR_CONFIG, "-----BEGIN PRIVATE KEY-----", false },
        { FILE_FOR_TLS, "", false },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct files *kept = keeping(), *bundle;

        write_file("good", cases[i].text);
        (void)files_gather(kept, cases[i].use, scratch_path("good"), LIMIT);
        bundle = packed(kept);
        cr_expect_eq(files_at(bundle, 0)->secret, cases[i].want, "%s",
            cases[i].text);
        files_unref(kept);
        files_unref(bundle);
    }
}

static void
expect_names(const struct strings *names, const char *const *want,
    size_t count)
{
    cr_assert_eq(names->count, count);
    for (size_t i = 0; i < count; i++)
        cr_expect_str_eq(names->items[i], want[i]);
}

Test(files, lists_a_directory)
{
    static const char *const want[] = { "a.pem", "b.pem", "far" };
    struct files *kept = keeping(), *sources[] = { NULL, kept, NULL };

    write_file("folder/b.pem", "b");
    write_file("folder/a.pem", "a");
    write_file("folder/.hidden", "x");
    cr_assert_eq(symlink("a.pem", scratch_path("folder/1234.0")), 0);
    cr_assert_eq(symlink("../good", scratch_path("folder/far")), 0);
    files_gather_listed(kept, scratch_path("folder"), LIMIT);
    sources[2] = packed(kept);
    cr_expect_eq(files_count(kept), 4);
    for (size_t i = 0; i < COUNT(sources); i++) {
        struct strings names = { 0 };

        cr_expect(files_list(sources[i], scratch_path("folder"), &names));
        expect_names(&names, want, COUNT(want));
        strings_clear(&names);
    }
    files_unref(kept);
    files_unref(sources[2]);
}

Test(files, names_errors_of_directories)
{
    static const struct { const char *name; int why; } cases[] = {
        { "missing", ENOENT }, { "good", ENOTDIR }, { "shut", EACCES },
    };

    become_nobody();
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct files *kept = keeping(), *sources[] = { NULL, kept, NULL };
        struct strings names = { 0 };

        files_gather_listed(kept, scratch_path(cases[i].name), LIMIT);
        sources[2] = packed(kept);
        for (size_t j = 0; j < COUNT(sources); j++) {
            cr_expect_not(files_list(sources[j],
                scratch_path(cases[i].name), &names));
            cr_expect_eq(errno, cases[i].why, "%s %zu", cases[i].name, j);
        }
        files_unref(kept);
        files_unref(sources[2]);
    }
}

static void
note(char *text, size_t size, struct config *config, struct error *error)
{
    char *dump = config != NULL ? loading_dump(config) : NULL;
    size_t length = 0;

    text[0] = '\0';
    for (size_t i = 0; i < error->count && length < size; i++)
        length += (size_t)snprintf(text + length, size - length, "%s\n",
            error->messages[i]);
    if (dump != NULL)
        snprintf(text + length, size - length, "%s", dump);
    free(dump);
    config_unref(config);
    error_clear(error);
}

/* The file says the same from the disk, from files that keep, from a bundle
 * once it is gone, and after a cert_reload.  Returns whether `part` is in it. */
static bool
says(const char *path, const char *part)
{
    char said[4][8192];
    struct files *kept = keeping(), *renewed;
    struct error error = { 0 };
    bool found;
    int fd;

    note(said[0], sizeof(said[0]), config_load_file(path, &error), &error);
    note(said[1], sizeof(said[1]),
        config_load_file_keeping(kept, path, &error), &error);
    fd = files_pack(kept, &error);
    cr_assert(fd >= 0);
    cr_assert_eq(rename(scratch_path("c"), scratch_path("gone")), 0);
    note(said[2], sizeof(said[2]), config_load_bundle(fd, -1, &error), &error);
    renewed = files_renew(kept, NULL);
    note(said[3], sizeof(said[3]), config_load_again(renewed, &error),
        &error);
    cr_assert_eq(rename(scratch_path("gone"), scratch_path("c")), 0);
    for (size_t i = 1; i < COUNT(said); i++)
        cr_expect_str_eq(said[i], said[0], "%zu", i);
    found = strstr(said[0], part) != NULL;
    if (!found)
        cr_log_warn("got: %s", said[0]);
    files_unref(renewed);
    files_unref(kept);
    close(fd);
    return found;
}

#define A "[service a]\nlisten = :1\nconnect = x:1\n"
#define B "[service b]\nlisten = :2\nconnect = x:1\n"

Test(files, a_configuration_is_the_same_from_a_bundle)
{
    static char huge[MIB(4) + 1];
    static const struct { const char *include, *part; } cases[] = {
        { "x.ini", "service b" }, { "*.ini", "belongs in the main file" },
        { "none/*.ini", "service a" }, { "good/*.ini", "service a" },
        { "missing", "cannot open \"" }, { "fifo", "fifo\" is not a regular" },
        { "folder", "Is a directory" }, { "huge", "larger than 4194304" },
        { "closed", "Permission denied" },
        { "shut/*.ini", "cannot look for \"" }, { "d*/*.ini", "service c" },
        { "tls.ini", "c/sub.pem" },
    };

    mkdir(scratch_path("c"), 0777);
    mkdir(scratch_path("c/d"), 0777);
    mkdir(scratch_path("c/folder"), 0777);
    mkdir(scratch_path("c/shut"), 0);
    mkfifo(scratch_path("c/fifo"), 0666);
    memset(huge, '\n', sizeof(huge));
    write_bytes("c/huge", huge, sizeof(huge));
    write_file("c/x.ini", B);
    write_file("c/good", "x");
    write_file("c/closed", B);
    chmod(scratch_path("c/closed"), 0);
    write_file("c/d/c.ini", "[service c]\nlisten = :3\nconnect = x:1\n");
    write_file("c/tls.ini", "[service t]\nlisten = tls://:3\n"
        "connect = x:1\nlisten.cert = sub.pem\n");
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[256];

        snprintf(text, sizeof(text), "[global]\ninclude = %s\n" A,
            cases[i].include);
        write_file("c/main.ini", text);
        become_nobody();
        chmod(scratch_path("c"), 0777);
        cr_expect(says(scratch_path("c/main.ini"), cases[i].part), "%s",
            cases[i].include);
        cr_assert_eq(seteuid(getuid()), 0);
    }
    cr_expect(says(scratch_path("c/fifo"), "is not a regular file"));
    cr_expect(says(scratch_path("c/missing"), "No such file"));
    cr_expect(says(scratch_path("c/folder"), "Is a directory"));
    cr_expect(says(scratch_path("c/huge"), "larger than"));
    cr_assert_eq(chdir(scratch_path("c")), 0);
    write_file("c/main.ini", "[global]\ninclude = tls.ini\n");
    cr_expect(says("main.ini", scratch_path("c/sub.pem")));
    cr_expect(says("d/../main.ini", scratch_path("c/sub.pem")));
    cr_expect(says("", "No such file"));
}

Test(files, arguments_are_the_same_from_a_bundle)
{
    static const char *const part = "/folder/k.pem";
    static char listen[] = "tls://:1", connect[] = "x:1", empty[] = "",
        cert[] = "--listen.cert=k.pem", level[] = "--log_level=debug";
    char *words[] = { listen, connect, cert, level, empty };

    cr_assert_eq(chdir(scratch_path("folder")), 0);
    for (int count = 0; count <= (int)COUNT(words); count++) {
        struct files *kept = keeping();
        struct error error = { 0 };
        char said[3][8192];
        int fd;

        cr_assert_eq(chdir(scratch_path("folder")), 0);
        note(said[0], sizeof(said[0]),
            config_load_arguments(count, words, &error), &error);
        note(said[1], sizeof(said[1]),
            config_load_arguments_keeping(kept, count, words, &error), &error);
        fd = files_pack(kept, &error);
        cr_assert_eq(chdir("/"), 0);
        note(said[2], sizeof(said[2]), config_load_bundle(fd, -1, &error),
            &error);
        cr_expect_str_eq(said[1], said[0], "%d", count);
        cr_expect_str_eq(said[2], said[0], "%d", count);
        cr_expect_eq(strstr(said[0], part) != NULL,
            count == 3 || count == 4, "%d: %s", count, said[0]);
        files_unref(kept);
        close(fd);
    }
}

Test(files, a_bundle_must_name_what_to_load)
{
    static char a[] = "/a", b[] = "/b", *two[] = { a, b };
    struct files *kept = keeping();
    struct error error = { 0 };

    cr_expect_null(config_load_again(kept, &error));
    cr_expect_str_eq(error.messages[0],
        "the bundle names no configuration to load");
    error_clear(&error);
    cr_assert(files_set_start(kept, "file", two, 2));
    cr_expect_null(config_load_again(kept, &error));
    cr_expect_eq(error.count, 1);
    error_clear(&error);
    cr_expect_null(config_load_bundle(-1, -1, &error));
    cr_expect_eq(error.count, 1);
    error_clear(&error);
    files_unref(kept);
}

/* Certificates are read again, the configuration's text is not. */
Test(files, renews_what_is_no_configuration)
{
    const char *path = scratch_path("good"), *text = scratch_path("nul");
    struct files *kept = keeping(), *renewed;
    struct file_content content;

    (void)files_gather(kept, FILE_FOR_TLS, path, LIMIT);
    (void)files_gather(kept, FILE_FOR_CONFIG, path, LIMIT);
    (void)files_gather(kept, FILE_FOR_CONFIG, text, LIMIT);
    write_file("good", "newer");
    unlink(text);
    renewed = files_renew(kept, NULL);
    cr_expect_eq(files_count(renewed), 2);
    cr_expect_eq(files_read(renewed, FILE_FOR_CONFIG, path, LIMIT, &content),
        FILE_DONE);
    cr_expect_eq(content.length, 4);
    cr_expect_eq(files_gather(renewed, FILE_FOR_CONFIG, text, LIMIT),
        FILE_DONE);
    cr_expect_eq(files_read(renewed, FILE_FOR_TLS, path, LIMIT, &content),
        FILE_DONE);
    cr_expect_eq(content.length, 5);
    files_unref(kept);
    files_unref(renewed);
}

/* Of a file system that does not answer. */
Test(files, renews_all_but_what_is_kept)
{
    char *kept_path = (char *)scratch_path("good");
    struct strings kept_paths = { &kept_path, 1 };
    struct files *kept = keeping(), *renewed;

    (void)files_gather(kept, FILE_FOR_TLS, kept_path, LIMIT);
    write_file("good", "newer");
    write_file("good2", "new");
    renewed = files_renew(kept, &kept_paths);
    cr_expect_eq(files_count(renewed), 1);
    cr_expect(files_equal(kept, renewed, kept_path));
    (void)files_gather(kept, FILE_FOR_TLS, scratch_path("good2"), LIMIT);
    files_unref(renewed);
    renewed = files_renew(kept, &kept_paths);
    cr_expect_eq(files_count(renewed), 1, "another file of that beginning");
    files_unref(renewed);
    files_unref(kept);
}

static void
gather_all(struct files *files)
{
    (void)files_gather(files, FILE_FOR_TLS, scratch_path("good"), LIMIT);
    if (files_gather(files, FILE_FOR_TLS, scratch_path("folder"), LIMIT)
        == FILE_IS_DIRECTORY)
        files_gather_listed(files, scratch_path("folder"), LIMIT);
}

/* Whether the file and the folder are as they were before, now and once the
 * older state was restored. */
static void
expect_change(const struct files *before, bool file, bool folder)
{
    const char *good = scratch_path("good"), *in = scratch_path("folder");
    struct files *now = keeping();

    gather_all(now);
    cr_expect_eq(files_equal(before, now, good), file);
    cr_expect_eq(files_equal(before, now, in), folder);
    cr_expect_eq(files_equal(now, before, good), file);
    cr_expect_eq(files_equal(now, before, in), folder);
    cr_expect(files_restore(now, before, good));
    cr_expect(files_restore(now, before, in));
    cr_expect(files_equal(before, now, good));
    cr_expect(files_equal(before, now, in));
    cr_expect_not(files_restore(now, before, scratch_path("missing")));
    files_unref(now);
}

Test(files, compares_and_restores)
{
    struct files *before = keeping();

    write_file("folder/a", "a");
    gather_all(before);
    cr_expect(files_equal(before, before, scratch_path("missing")));
    expect_change(before, true, true);
    write_file("folder/a", "b");
    expect_change(before, true, false);
    write_file("folder/a", "a");
    write_file("folder/b", "b");
    expect_change(before, true, false);
    unlink(scratch_path("folder/b"));
    write_file("folder/.hidden", "b");
    expect_change(before, true, true);
    write_file("good", "texx");
    expect_change(before, false, true);
    unlink(scratch_path("good"));
    expect_change(before, false, true);
    unlink(scratch_path("folder/a"));
    unlink(scratch_path("folder/.hidden"));
    rmdir(scratch_path("folder"));
    write_file("good", "text");
    expect_change(before, true, false);
    files_unref(before);
}

/* What was found out about a path counts until either side knows more. */
Test(files, compares_anew_what_has_changed)
{
    struct files *before = keeping(), *now;
    const char *good = scratch_path("good");

    gather_all(before);
    write_file("good", "texx");
    now = files_renew(before, NULL);
    gather_all(now);
    cr_expect_not(files_equal(before, now, good));
    cr_expect_not(files_equal(before, now, good));
    cr_expect(files_equal(now, now, good));
    cr_expect(files_restore(now, before, good));
    cr_expect(files_equal(before, now, good));
    files_unref(now);
    files_unref(before);
    write_file("good", "text");
}

/* A process that loads from a bundle may not be able to look a name up. */
Test(files, a_port_by_name_is_the_same_from_a_bundle)
{
    struct files *disk = files_on_disk(), *bundle;
    struct error error = { 0 };
    char *known = files_port(disk, "https"), *again;
    int fd;

    cr_expect_null(files_port(disk, "no-such-service"));
    fd = files_pack(disk, &error);
    cr_assert_geq(fd, 0);
    bundle = files_in_bundle(fd, -1, &error);
    cr_assert_not_null(bundle);
    again = files_port(bundle, "https");
    if (known == NULL) {
        cr_expect_null(again);
    } else {
        cr_expect_str_eq(known, "443");
        cr_expect_str_eq(again, "443");
    }
    cr_expect_null(files_port(bundle, "no-such-service"));
    cr_expect_null(files_port(bundle, "ssh"));
    free(known);
    free(again);
    close(fd);
    files_unref(bundle);
    files_unref(disk);
}
