#include "files/bundle.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/error.h"
#include "files/file_cache.h"
#include "sealed.h"

/* What a bundle says that is opened. */
struct opened {
    struct bundle_map map;
    struct file_cache table;
    struct error error;
    bool good;
};

static struct opened
open_fd(int fd)
{
    struct opened opened = { .good = false };

    opened.good = bundle_open(fd, &opened.map, &opened.table, &opened.error);
    cr_assert_eq(opened.good, !error_any(&opened.error));
    if (!opened.good) {
        cr_expect_eq(opened.table.count, 0);
        cr_expect_null(opened.map.memory);
    }
    return opened;
}

static void
close_opened(struct opened *opened)
{
    file_cache_clear(&opened->table);
    bundle_close(&opened->map);
    error_clear(&opened->error);
}

/* True if the bytes, sealed, are a bundle. */
static bool
is_good(const void *data, size_t length)
{
    int fd = sealed_make(data, length, SEALED_ALL);
    struct opened opened = open_fd(fd);
    bool good = opened.good;

    close_opened(&opened);
    close(fd);
    return good;
}

static void
add(struct file_cache *table, enum file_kind kind, const char *path,
    const char *data, size_t length)
{
    struct file_entry *answer = file_entry_new(kind, path);

    cr_assert_not_null(answer);
    answer->data = memcpy(malloc(length + 1), data, length);
    answer->length = length;
    if (file_entry_is_contents(answer))
        answer->size = length;
    cr_assert(file_cache_add(table, answer));
}

/* Where the records of the sample begin: paths "/a" and "/b". */
enum {
    FIRST = sizeof(struct bundle_head),
    FIRST_PATH = FIRST + sizeof(struct bundle_record),
    SECOND = FIRST_PATH + 3 + 4,
    SECOND_PATH = SECOND + sizeof(struct bundle_record),
    SECOND_DATA = SECOND_PATH + 3,
    SAMPLE_LENGTH = SECOND_DATA + 4,
};

/* Contents, and names. */
static char *
sample(void)
{
    struct file_cache table = { 0 };
    struct error error = { 0 };
    size_t length;
    char *data;
    int fd;

    add(&table, FILE_TLS, "/a", "text", 4);
    add(&table, FILE_LISTING, "/b", "x\0y", 4);
    fd = bundle_write(&table, BUNDLE_ALL, &error);
    cr_assert(fd >= 0);
    cr_expect(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    data = sealed_bytes(fd, &length);
    cr_assert_eq(length, SAMPLE_LENGTH);
    close(fd);
    file_cache_clear(&table);
    return data;
}

Test(bundle, gives_back_what_was_packed)
{
    struct file_cache table = { 0 };
    struct error error = { 0 };
    struct opened opened;
    int fd;

    add(&table, FILE_TLS, "/secret", "a\0b", 3);
    table.items[0]->secret = true;
    table.items[0]->mode = 0640;
    table.items[0]->printed = table.items[0]->apart = true;
    memset(table.items[0]->print, 'p', FILE_PRINT_BYTES);
    add(&table, FILE_TEXT, "/empty", "", 0);
    add(&table, FILE_TEXT, "/missing", "", 0);
    file_entry_fail(table.items[2], FILE_NOT_OPENED, ENOENT);
    add(&table, FILE_TLS, "/large", "", 0);
    file_entry_fail(table.items[3], FILE_TOO_LARGE, 0);
    table.items[3]->size = 1ull << 40;
    add(&table, FILE_TLS, "", "", 0);
    add(&table, FILE_START, "/empty", "\0\0one", 6);
    add(&table, FILE_TLS, "/denied", "user a may not read b", 22);
    table.items[6]->result = FILE_NOT_OPENED;
    table.items[6]->why = EACCES;
    fd = bundle_write(&table, BUNDLE_ALL, &error);
    opened = open_fd(fd);
    close(fd);
    cr_assert(opened.good);
    cr_assert_eq(opened.table.count, table.count);
    for (size_t i = 0; i < table.count; i++) {
        const struct file_entry *sent = table.items[i];
        const struct file_entry *got =
            file_cache_find(&opened.table, sent->kind, sent->path);

        cr_assert_eq(got, opened.table.items[i]);
        cr_expect(file_entry_same(sent, got), "%s", sent->path);
        cr_expect_eq(got->secret, sent->secret);
        cr_expect_eq(got->apart, sent->apart);
        cr_expect_eq(got->mode, sent->mode);
    }
    close_opened(&opened);
    file_cache_clear(&table);
}

/* They are told where they lie. */
Test(bundle, holds_secrets_alone)
{
    struct file_cache table = { 0 };
    struct error error = { 0 };
    struct opened opened;
    char text[4];
    int fd;

    for (const char *path = "abcde"; *path != '\0'; path++)
        add(&table, FILE_TLS, path, "text", 4);
    for (size_t i = 1; i < table.count; i++)
        table.items[i]->secret = true;
    table.items[2]->printed = table.items[2]->apart = true;
    file_entry_fail(table.items[3], FILE_NOT_OPENED, EACCES);
    fd = bundle_write(&table, BUNDLE_SECRETS, &error);
    opened = open_fd(fd);
    cr_assert(opened.good);
    cr_assert_eq(opened.table.count, 2);
    cr_expect_str_eq(opened.table.items[0]->path, "bcde");
    cr_expect_str_eq(opened.table.items[1]->path, "e");
    cr_expect_eq(table.items[4]->whole_length, 4);
    cr_expect_eq(pread(fd, text, 4, (off_t)table.items[4]->whole_at), 4);
    cr_expect_arr_eq(text, "text", 4);
    close(fd);
    close_opened(&opened);
    file_cache_clear(&table);
}

Test(bundle, holds_very_many_answers)
{
    struct file_cache table = { 0 };
    struct error error = { 0 };
    struct opened opened;
    char path[32];
    int fd;

    for (int i = 0; i < 20000; i++) {
        snprintf(path, sizeof(path), "/certs/%d", i);
        add(&table, i % 2 == 0 ? FILE_TLS : FILE_TEXT, path, path,
            strlen(path));
    }
    fd = bundle_write(&table, BUNDLE_ALL, &error);
    opened = open_fd(fd);
    cr_assert(opened.good);
    cr_expect_eq(opened.table.count, 20000);
    cr_expect_not_null(file_cache_find(&opened.table, FILE_TEXT,
        "/certs/19999"));
    cr_expect_null(file_cache_find(&opened.table, FILE_TLS, "/certs/19999"));
    close(fd);
    close_opened(&opened);
    file_cache_clear(&table);
}

Test(bundle, refuses_a_failure_with_data_that_is_no_text)
{
    static const struct { enum file_result result; int why; size_t length; }
        cases[] = {
        { FILE_NOT_OPENED, ENOENT, 5 },         /* nothing more to say */
        { FILE_NOT_READ, EACCES, 5 },
        { FILE_NOT_OPENED, EACCES, 4 },         /* no NUL */
        { FILE_NOT_OPENED, EACCES, 10 },        /* two */
        { FILE_NOT_OPENED, EACCES, 2000 },
    };
    char text[2000] = "text\0text";

    memset(text + 10, 'x', sizeof(text) - 11);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct file_cache table = { 0 };
        struct error error = { 0 };
        struct opened opened;
        int fd;

        add(&table, FILE_TLS, "/denied", text, cases[i].length);
        table.items[0]->result = cases[i].result;
        table.items[0]->why = cases[i].why;
        fd = bundle_write(&table, BUNDLE_ALL, &error);
        opened = open_fd(fd);
        cr_expect_not(opened.good, "case %zu", i);
        close(fd);
        close_opened(&opened);
        file_cache_clear(&table);
    }
}

Test(bundle, refuses_what_could_change)
{
    static const int seals[] = {
        F_SEAL_WRITE, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_SEAL,
    };
    char *data = sample();
    struct opened opened;
    FILE *file = tmpfile();
    int fds[2], fd;

    for (size_t i = 0; i < COUNT(seals); i++) {
        fd = sealed_make(data, SAMPLE_LENGTH, SEALED_ALL & ~seals[i]);
        opened = open_fd(fd);
        cr_expect_not(opened.good, "without seal %zu", i);
        close_opened(&opened);
        close(fd);
    }
    cr_assert_eq(pipe(fds), 0);
    cr_assert_eq(fwrite(data, 1, SAMPLE_LENGTH, file), SAMPLE_LENGTH);
    fflush(file);
    fd = open("/dev/null", O_RDONLY);
    for (size_t i = 0; i < 4; i++) {
        int other[] = { fds[0], fileno(file), fd, -1 };

        opened = open_fd(other[i]);
        cr_expect_not(opened.good, "descriptor %zu", i);
        close_opened(&opened);
    }
    close(fd);
    close(fds[0]);
    close(fds[1]);
    fclose(file);
    free(data);
}

Test(bundle, refuses_all_that_is_cut_or_longer)
{
    char *data = sample(), longer[SAMPLE_LENGTH + 8] = "";
    struct bundle_head head;

    cr_expect(is_good(data, SAMPLE_LENGTH));
    memcpy(&head, data, sizeof(head));
    for (size_t i = 0; i < SAMPLE_LENGTH; i++) {
        cr_expect_not(is_good(data, i), "%zu bytes", i);
        if (i < sizeof(head))
            continue;
        memcpy(longer, data, SAMPLE_LENGTH);
        ((struct bundle_head *)(void *)longer)->length = i;
        cr_expect_not(is_good(longer, i), "%zu bytes that say so", i);
    }
    memcpy(longer, data, SAMPLE_LENGTH);
    cr_expect_not(is_good(longer, sizeof(longer)));
    ((struct bundle_head *)(void *)longer)->length = sizeof(longer);
    cr_expect_not(is_good(longer, sizeof(longer)));
    free(data);
}

#define HEAD(field) offsetof(struct bundle_head, field)
#define OF(record, field) record + offsetof(struct bundle_record, field)

Test(bundle, refuses_what_is_not_sound)
{
    static const struct {
        const char *what;
        size_t at, bytes;
        uint64_t value;
        bool good;
    } cases[] = {
        { "as it is", HEAD(zero), 4, 0, true },
        { "magic", 0, 1, 'S', false },
        { "version", 7, 1, '1', false },
        { "length", HEAD(length), 8, SAMPLE_LENGTH + 1, false },
        { "length of all", HEAD(length), 8, UINT64_MAX, false },
        { "no records", HEAD(records), 4, 0, false },
        { "too few records", HEAD(records), 4, 1, false },
        { "one record too many", HEAD(records), 4, 3, false },
        { "too many", HEAD(records), 4, BUNDLE_RECORDS_MAX + 1, false },
        { "far too many", HEAD(records), 4, UINT32_MAX, false },
        { "the rest of the head", HEAD(zero), 4, 1, false },
        { "unknown kind", OF(FIRST, kind), 4, FILE_KIND_COUNT, false },
        { "negative kind", OF(FIRST, kind), 4, UINT32_MAX, false },
        { "the other contents", OF(FIRST, kind), 4, FILE_TEXT, true },
        { "contents as names", OF(FIRST, kind), 4, FILE_LISTING, false },
        { "names as contents", OF(SECOND, kind), 4, FILE_TLS, false },
        { "unknown result", OF(FIRST, result), 4, FILE_RESULT_COUNT, false },
        { "negative result", OF(FIRST, result), 4, UINT32_MAX, false },
        { "data with an error", OF(FIRST, result), 4, FILE_TOO_LARGE, false },
        { "a listing too large", OF(SECOND, result), 4, FILE_TOO_LARGE,
          false },
        { "errno without an error", OF(FIRST, why), 4, ENOENT, false },
        { "negative errno", OF(FIRST, why), 4, UINT32_MAX, false },
        { "mode", OF(FIRST, mode), 4, 07777, true },
        { "mode with a file type", OF(FIRST, mode), 4, S_IFDIR | 0700,
          false },
        { "secret", OF(FIRST, flags), 4, BUNDLE_SECRET, true },
        { "a print of what is no secret", OF(FIRST, flags), 4, BUNDLE_PRINTED,
          false },
        { "with a print", OF(FIRST, flags), 4,
          BUNDLE_SECRET | BUNDLE_PRINTED, true },
        { "apart without a print", OF(FIRST, flags), 4,
          BUNDLE_SECRET | BUNDLE_APART, false },
        { "apart", OF(FIRST, flags), 4, BUNDLE_FLAGS, true },
        { "names apart", OF(SECOND, flags), 4, BUNDLE_FLAGS, false },
        { "unknown flag", OF(FIRST, flags), 4, BUNDLE_FLAGS + 1, false },
        { "all flags", OF(FIRST, flags), 4, UINT32_MAX, false },
        { "a print that is none", OF(FIRST, print), 1, 1, false },
        { "the last byte of it", OF(SECOND, print) + FILE_PRINT_BYTES - 1, 1,
          1, false },
        { "shorter path", OF(FIRST, path_length), 4, 1, false },
        { "no path", OF(FIRST, path_length), 4, 0, false },
        { "path over the data", OF(FIRST, path_length), 4, 3, false },
        { "path beyond the end", OF(SECOND, path_length), 4, 1000, false },
        { "longest path", OF(FIRST, path_length), 4, UINT32_MAX, false },
        { "path without NUL", FIRST_PATH + 2, 1, 'x', false },
        { "NUL in the path", FIRST_PATH + 1, 1, 0, false },
        { "size", OF(FIRST, size), 8, 5, false },
        { "size of names", OF(SECOND, size), 8, 4, false },
        { "shorter data", OF(FIRST, data_length), 8, 3, false },
        { "longer data", OF(FIRST, data_length), 8, 5, false },
        { "data over the next", OF(FIRST, data_length), 8,
          SAMPLE_LENGTH - FIRST_PATH - 3, false },
        { "data beyond the end", OF(SECOND, data_length), 8, 5, false },
        { "data that wraps", OF(SECOND, data_length), 8, UINT64_MAX, false },
        { "data that wraps back", OF(FIRST, data_length), 8,
          UINT64_MAX - SECOND_DATA, false },
        { "shorter names", OF(SECOND, data_length), 8, 2, false },
        { "names without NUL", SECOND_DATA + 3, 1, 'z', false },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        char *data = sample();

        memcpy(data + cases[i].at, &cases[i].value, cases[i].bytes);
        cr_expect_eq(is_good(data, SAMPLE_LENGTH), cases[i].good, "%s",
            cases[i].what);
        free(data);
    }
}

/* Configuration is never secret, and an error has no contents. */
Test(bundle, refuses_prints_of_what_has_none)
{
    static const struct { uint32_t kind, result, flags; bool good; }
    cases[] = {
        { FILE_TLS, FILE_TOO_LARGE, BUNDLE_SECRET, true },
        { FILE_TLS, FILE_TOO_LARGE, BUNDLE_SECRET | BUNDLE_PRINTED, false },
        { FILE_TLS, FILE_TOO_LARGE, BUNDLE_FLAGS, false },
        { FILE_TLS, FILE_DONE, BUNDLE_FLAGS, true },
        { FILE_TEXT, FILE_DONE, BUNDLE_FLAGS, false },
        { FILE_TEXT, FILE_DONE, BUNDLE_SECRET | BUNDLE_PRINTED, false },
        { FILE_START, FILE_DONE, BUNDLE_FLAGS, false },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct {
            struct bundle_head head;
            struct bundle_record record;
            char path[2];
        } bytes = {
            .head = { .records = 1 },
            .record = { .kind = cases[i].kind, .result = cases[i].result,
                .flags = cases[i].flags, .path_length = 1 },
            .path = "x",
        };
        size_t length = offsetof(__typeof__(bytes), path) + 2;

        memcpy(bytes.head.magic, BUNDLE_MAGIC, sizeof(bytes.head.magic));
        bytes.head.length = length;
        cr_expect_eq(is_good(&bytes, length), cases[i].good, "case %zu", i);
    }
}

/* Each record is sound, but only one answer can be the right one. */
Test(bundle, refuses_two_answers_to_one_question)
{
    struct bundle_record record;
    char *data = sample();

    memcpy(&record, data + SECOND, sizeof(record));
    record.kind = FILE_TLS;
    record.size = 4;
    memcpy(data + SECOND, &record, sizeof(record));
    cr_expect(is_good(data, SAMPLE_LENGTH));
    data[SECOND_PATH + 1] = 'a';
    cr_expect_not(is_good(data, SAMPLE_LENGTH));
    free(data);
}

Test(bundle, an_empty_one_is_one)
{
    struct bundle_head head = { .length = sizeof(head) };

    memcpy(head.magic, BUNDLE_MAGIC, sizeof(head.magic));
    cr_expect(is_good(&head, sizeof(head)));
    cr_expect_not(is_good("", 0));
    cr_expect_not(is_good(&head, sizeof(head) - 1));
}
