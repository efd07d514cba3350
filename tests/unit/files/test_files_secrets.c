/* Secrets apart from the rest: what is left, what comes back, what equals. */
#include "files/files.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/base.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/scratch.h"
#include "files/bundle.h"
#include "sealed.h"

enum { LIMIT = 100000 };

#define CERT "-----BEGIN CERTIFICATE-----\nQ0VSVA==\n" \
    "-----END CERTIFICATE-----\n"
#define KEY "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n" \
    "-----END PRIVATE KEY-----\n"

static const struct { const char *name; enum file_use use; const char *text,
    *seen; } parts[] = {
    { "both", FILE_FOR_TLS, CERT KEY CERT, CERT CERT },
    { "key", FILE_FOR_TLS_SECRET, KEY, "" },
    { "word", FILE_FOR_TLS_SECRET, "passphrase\n", "" },
    { "none", FILE_FOR_TLS_SECRET, "", "" },
    { "cert", FILE_FOR_TLS, CERT, CERT },
    { "text", FILE_FOR_CONFIG, "[global]\n", "[global]\n" },
    { "odd", FILE_FOR_TLS, "no PEM\n", "no PEM\n" },
};

static void
write_file(const char *name, const char *text)
{
    FILE *file = fopen(scratch_path(name), "w");

    cr_assert_not_null(file);
    cr_assert(fputs(text, file) >= 0);
    fclose(file);
}

static void
make_files(void)
{
    for (size_t i = 0; i < COUNT(parts); i++)
        write_file(parts[i].name, parts[i].text);
}

TestSuite(files_secrets, .init = make_files, .fini = scratch_remove,
    .timeout = 60);

/* `arg` is a salt.  Fails if that is NULL. */
static bool
print_of(void *arg, const void *data, size_t length,
    unsigned char print[FILE_PRINT_BYTES])
{
    const unsigned char *bytes = data;
    uint64_t value = HASH64_BASIS;

    if (arg == NULL)
        return false;
    value ^= *(const uint64_t *)arg;
    for (size_t i = 0; i < length; i++)
        value = hash64_byte(value, bytes[i]);
    memset(print, 0, FILE_PRINT_BYTES);
    memcpy(print, &value, sizeof(value));
    return true;
}

static uint64_t salt = 1;

static void
gather(struct files *files)
{
    for (size_t i = 0; i < COUNT(parts); i++)
        (void)files_gather(files, parts[i].use, scratch_path(parts[i].name),
            LIMIT);
    (void)files_gather(files, FILE_FOR_TLS_SECRET, scratch_path("missing"),
        LIMIT);
}

static void
part(struct files *files)
{
    struct error error = { 0 };

    cr_assert(files_part_secrets(files, print_of, &salt, &error));
    cr_assert_not(error_any(&error));
}

static struct files *
gathered(void)
{
    struct files *files = files_on_disk();

    cr_assert_not_null(files);
    gather(files);
    return files;
}

static struct files *
parted(void)
{
    struct files *files = gathered();

    part(files);
    return files;
}

/* What processes know that get the bundle, and perhaps the secrets. */
static struct files *
packed(const struct files *files, bool with_secrets)
{
    struct error error = { 0 };
    int fd = files_pack(files, &error);
    struct files *copy = files_in_bundle(fd,
        with_secrets ? files_secrets(files) : -1, &error);

    cr_assert_not_null(copy, "%s", error.count > 0 ? error.messages[0] : "");
    close(fd);
    return copy;
}

static void
expect_text(struct files *files, const char *name, enum file_use use,
    const char *want)
{
    struct file_content content;

    cr_assert_eq(files_read(files, use, scratch_path(name), LIMIT, &content),
        FILE_DONE, "%s", name);
    cr_expect_eq(content.length, strlen(want), "%s", name);
    cr_expect(content.length == strlen(want)
        && memcmp(content.text, want, content.length) == 0, "%s", name);
    files_release(&content);
}

static void
expect_all(struct files *files, bool whole)
{
    struct file_content content;

    for (size_t i = 0; i < COUNT(parts); i++)
        expect_text(files, parts[i].name, parts[i].use,
            whole ? parts[i].text : parts[i].seen);
    cr_expect_eq(files_read(files, FILE_FOR_TLS_SECRET,
        scratch_path("missing"), LIMIT, &content), FILE_NOT_OPENED);
    cr_expect_eq(content.why, ENOENT);
}

Test(files_secrets, everybody_sees_what_is_theirs)
{
    struct files *files = gathered(), *seen, *whole;

    cr_expect_eq(files_secrets(files), -1);
    expect_all(files, true);
    part(files);
    cr_assert(files_secrets(files) >= 0);
    cr_expect(fcntl(files_secrets(files), F_GETFD) & FD_CLOEXEC);
    expect_all(files, false);
    seen = packed(files, false);
    expect_all(seen, false);
    whole = packed(files, true);
    files_unref(files);     /* a bundle does not need them */
    expect_all(whole, true);
    cr_expect_eq(files_secrets(whole), -1);
    files_unref(seen);
    files_unref(whole);
}

Test(files_secrets, may_be_discarded)
{
    struct files *files = parted();
    int fd = files_secrets(files);

    cr_assert_geq(fd, 0);
    files_discard_secrets(files);
    cr_expect_eq(files_secrets(files), -1);
    cr_expect_eq(fcntl(fd, F_GETFD), -1);
    expect_all(files, false);
    files_discard_secrets(files);
    files_unref(files);
}

/* Its length would say how long a passphrase is. */
Test(files_secrets, hides_lengths)
{
    struct files *files = parted(), *seen = packed(files, false);

    for (size_t i = 0; i < files_count(seen); i++) {
        const struct file_entry *answer = files_at(seen, i);

        cr_expect_eq(answer->apart, answer->printed);
        if (answer->apart)
            cr_expect_eq(answer->size, answer->length);
        cr_expect_eq(answer->whole_length, 0);
    }
    files_unref(files);
    files_unref(seen);
}

/* Everybody would see what is read later. */
Test(files_secrets, the_disk_is_asked_no_more)
{
    struct files *files = parted();

    write_file("later", KEY);
    cr_expect_eq(files_gather(files, FILE_FOR_TLS, scratch_path("later"),
        LIMIT), FILE_NOT_OPENED);
    files_unref(files);
}

Test(files_secrets, there_may_be_none)
{
    struct files *files = files_on_disk(), *copy;

    (void)files_gather(files, FILE_FOR_TLS, scratch_path("cert"), LIMIT);
    part(files);
    cr_expect_eq(files_secrets(files), -1);
    expect_text(files, "cert", FILE_FOR_TLS, CERT);
    copy = packed(files, false);
    expect_text(copy, "cert", FILE_FOR_TLS, CERT);
    files_unref(files);
    files_unref(copy);
}

Test(files_secrets, without_a_print_all_stays)
{
    struct files *files = gathered();
    struct error error = { 0 };

    cr_expect_not(files_part_secrets(files, print_of, NULL, &error));
    cr_expect_eq(error.count, 1);
    cr_expect_eq(files_secrets(files), -1);
    expect_all(files, true);
    error_clear(&error);
    part(files);
    expect_all(files, false);
    files_unref(files);
}

/* A file that is too large for one option may be read whole for another. */
Test(files_secrets, knows_secrets_that_are_too_large)
{
    struct files *files = files_on_disk();
    const char *path = scratch_path("word");

    (void)files_gather(files, FILE_FOR_TLS, path, LIMIT);
    cr_expect_eq(files_gather(files, FILE_FOR_TLS_SECRET, path, 3),
        FILE_TOO_LARGE);
    part(files);
    expect_text(files, "word", FILE_FOR_TLS, "");
    files_unref(files);
}

/* The pair must be one. */
Test(files_secrets, refuses_secrets_of_others)
{
    struct files *files = parted(), *other, *plain = gathered();
    struct error error = { 0 };
    int fd = files_pack(files, &error), plain_fd = files_pack(plain, &error);
    int other_fd;

    write_file("key", CERT KEY);
    other = parted();
    other_fd = files_pack(other, &error);

    struct { int fd, secrets_fd; bool good; } cases[] = {
        { fd, files_secrets(files), true },
        { other_fd, files_secrets(other), true },
        { fd, files_secrets(other), false },
        { other_fd, files_secrets(files), false },
        { plain_fd, files_secrets(files), false },
        { plain_fd, -1, true },
        { fd, fd, false },
        { fd, plain_fd, false },
        { files_secrets(files), files_secrets(files), false },
        { fd, STDIN_FILENO, false },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct files *pair = files_in_bundle(cases[i].fd, cases[i].secrets_fd,
            &error);

        cr_expect_eq(pair != NULL, cases[i].good, "case %zu", i);
        cr_expect_eq(error_any(&error), !cases[i].good, "case %zu", i);
        error_clear(&error);
        files_unref(pair);
    }
    close(fd);
    close(plain_fd);
    close(other_fd);
    files_unref(files);
    files_unref(other);
    files_unref(plain);
}

#define OF(field) offsetof(struct bundle_record, field)

/* The first record of the secrets is that of "both". */
Test(files_secrets, refuses_secrets_that_are_none)
{
    enum { FIRST = sizeof(struct bundle_head) };
    static const struct { const char *what; size_t at; char value;
        bool good; } cases[] = {
        { "as they are", 0, 's', true },
        { "the print", FIRST + OF(print), 'x', false },
        { "the print's end", FIRST + OF(print) + FILE_PRINT_BYTES - 1, 'x',
          false },
        { "no print", FIRST + OF(flags), BUNDLE_SECRET, false },
        { "apart once more", FIRST + OF(flags), BUNDLE_FLAGS, false },
        { "no secret", FIRST + OF(flags), 0, false },
        { "the kind", FIRST + OF(kind), FILE_TEXT, false },
        { "the path", FIRST + sizeof(struct bundle_record), 'x', false },
    };
    struct files *files = parted();
    struct error error = { 0 };
    int fd = files_pack(files, &error);

    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t length;
        char *data = sealed_bytes(files_secrets(files), &length);
        struct files *pair;
        int changed;

        data[cases[i].at] = cases[i].value;
        changed = sealed_make(data, length, SEALED_ALL);
        pair = files_in_bundle(fd, changed, &error);
        cr_expect_eq(pair != NULL, cases[i].good, "%s", cases[i].what);
        error_clear(&error);
        files_unref(pair);
        close(changed);
        free(data);
    }
    close(fd);
    files_unref(files);
}

/* How the master finds out which service has new files: those in force are
 * parted, those on the disk not yet. */
Test(files_secrets, tells_a_change_by_prints)
{
    static const struct { const char *name, *text; } changes[] = {
        { "both", CERT KEY }, { "both", CERT CERT },
        { "key", CERT KEY }, { "word", "passphrasE\n" }, { "word", "" },
        { "none", "x" }, { "cert", CERT CERT }, { "cert", CERT KEY },
    };
    struct files *before = parted(), *seen = packed(before, false),
        *whole = packed(before, true), *all[] = { before, seen, whole };

    for (size_t i = 0; i <= COUNT(changes); i++) {
        const char *changed = i > 0 ? changes[i - 1].name : "";
        struct files *now;

        make_files();
        if (i > 0)
            write_file(changed, changes[i - 1].text);
        now = files_renew(before, NULL);
        gather(now);
        for (int twice = 0; twice < 2; twice++) {
            for (size_t j = 0; j < COUNT(parts) * COUNT(all); j++) {
                const char *name = parts[j / COUNT(all)].name;
                const char *path = scratch_path(name);
                bool same = strcmp(name, changed) != 0;

                cr_expect_eq(files_equal(all[j % COUNT(all)], now, path),
                    same, "%zu: %s", i, name);
                cr_expect_eq(files_equal(now, all[j % COUNT(all)], path),
                    same, "%zu: %s", i, name);
            }
            if (twice == 0)
                part(now);
        }
        files_unref(now);
    }
    for (size_t i = 0; i < COUNT(all); i++)
        files_unref(all[i]);
}

/* Without prints it cannot be known; nor with another secret. */
Test(files_secrets, differ_from_what_was_never_parted)
{
    struct files *before = parted(), *now = gathered(), *other = gathered();
    struct error error = { 0 };
    uint64_t other_salt = 2;

    cr_assert(files_part_secrets(other, print_of, &other_salt, &error));
    for (size_t i = 0; i < COUNT(parts); i++) {
        const char *path = scratch_path(parts[i].name);
        bool secret = strcmp(parts[i].text, parts[i].seen) != 0
            || parts[i].use == FILE_FOR_TLS_SECRET;

        cr_expect_eq(files_equal(before, now, path), !secret);
        cr_expect_eq(files_equal(before, other, path), !secret);
    }
    files_unref(before);
    files_unref(now);
    files_unref(other);
}

/* A service whose new files are bad keeps those it has. */
Test(files_secrets, restores_them)
{
    struct files *before = parted(), *now, *whole;

    write_file("both", CERT);
    write_file("word", "other");
    unlink(scratch_path("key"));
    now = files_renew(before, NULL);
    gather(now);
    for (size_t i = 0; i < COUNT(parts); i++) {
        if (parts[i].use != FILE_FOR_CONFIG)
            cr_expect(files_restore(now, before,
                scratch_path(parts[i].name)));
    }
    files_unref(before);
    expect_all(now, true);
    part(now);
    expect_all(now, false);
    whole = packed(now, true);
    expect_all(whole, true);
    files_unref(now);
    files_unref(whole);
}
