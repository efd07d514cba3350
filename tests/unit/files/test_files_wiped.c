/* A key leaves nothing behind in the memory of the process that split it off.
 * Promise 24. */
#include "files/files.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/base.h"
#include "base/error.h"
#include "base/scratch.h"

enum { MARK_BYTES = 40, CHUNK_BYTES = 1 << 20, LIMIT = 100000 };

/* A sanitizer's own memory is much larger. */
#define REGION_MAX ((uint64_t)1 << 28)

/* Never in clear here: this process is searched for it. */
static unsigned char masked[MARK_BYTES];
static unsigned char chunk[CHUNK_BYTES];

static unsigned char
unmask(unsigned char byte)
{
    return byte ^ 0x80;
}

static void
put(int fd, const char *text)
{
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void
write_key(const char *name)
{
    int fd = open(scratch_path(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    cr_assert(fd >= 0);
    put(fd, "-----BEGIN CERTIFICATE-----\nQ0VSVA==\n"
        "-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n");
    for (size_t i = 0; i < MARK_BYTES; i++) {
        volatile unsigned char byte = unmask(masked[i]);

        cr_assert_eq(write(fd, (const void *)&byte, 1), 1);
        byte = 0;
    }
    put(fd, "\n-----END PRIVATE KEY-----\n");
    close(fd);
}

static void
set_up(void)
{
    cr_assert_eq(getentropy(masked, sizeof(masked)), 0);
    for (size_t i = 0; i < sizeof(masked); i++)
        masked[i] = (unsigned char)(('a' + masked[i] % 16) | 0x80);
    write_key("key");
    write_key("both");
}

TestSuite(files_wiped, .init = set_up, .fini = scratch_remove, .timeout = 60);

static size_t
count_in(const unsigned char *data, size_t length)
{
    size_t count = 0, i, j;

    for (i = 0; i + MARK_BYTES <= length; i++) {
        for (j = 0; j < MARK_BYTES && unmask(data[i + j]) == masked[j]; j++)
            continue;
        count += j == MARK_BYTES;
    }
    return count;
}

/* From `start` on, at most to `end`. */
static size_t
count_from(int fd, uint64_t start, uint64_t end)
{
    size_t count = 0;

    while (start < end) {
        size_t wanted = end - start < sizeof(chunk) ? end - start :
            sizeof(chunk);
        ssize_t got = pread(fd, chunk, wanted, (off_t)start);

        if (got <= 0)
            break;
        count += count_in(chunk, (size_t)got);
        start += (uint64_t)got;
        if (start < end && got > MARK_BYTES)
            start -= MARK_BYTES - 1;
    }
    explicit_bzero(chunk, sizeof(chunk));
    return count;
}

/* How often the key is in this process's memory. */
static size_t
count_in_memory(void)
{
    int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[1024];
    size_t count = 0;

    cr_assert(fd >= 0 && maps != NULL);
    while (fgets(line, sizeof(line), maps) != NULL) {
        uint64_t start, end;

        cr_assert_eq(sscanf(line, "%" SCNx64 "-%" SCNx64, &start, &end), 2);
        if (end - start <= REGION_MAX && strstr(line, "[v") == NULL)
            count += count_from(fd, start, end);
    }
    fclose(maps);
    close(fd);
    return count;
}

static size_t
count_in_file(int fd)
{
    struct stat status;

    cr_assert_eq(fstat(fd, &status), 0);
    return count_from(fd, 0, (uint64_t)status.st_size);
}

static bool
print_of(void *arg, const void *data, size_t length,
    unsigned char print[FILE_PRINT_BYTES])
{
    const unsigned char *bytes = data;

    memset(print, 0, FILE_PRINT_BYTES);
    for (size_t i = 0; i < length; i++)
        print[i % FILE_PRINT_BYTES] ^= bytes[i];
    return arg == NULL;
}

static void
gather(struct files *files)
{
    (void)files_gather(files, FILE_FOR_TLS_SECRET, scratch_path("key"),
        LIMIT);
    (void)files_gather(files, FILE_FOR_TLS, scratch_path("both"), LIMIT);
}

static struct files *
gathered(void)
{
    struct files *files = files_on_disk();

    cr_assert_not_null(files);
    gather(files);
    return files;
}

static void
part(struct files *files)
{
    struct error error = { 0 };

    cr_assert(files_part_secrets(files, print_of, NULL, &error));
}

Test(files_wiped, when_parted)
{
    struct error error = { 0 };
    struct files *files;
    int fd;

    cr_expect_eq(count_in_memory(), 0);
    files = gathered();
    cr_expect_eq(count_in_memory(), 2);
    fd = files_pack(files, &error);
    cr_expect_eq(count_in_file(fd), 2);
    close(fd);
    part(files);
    cr_expect_eq(count_in_memory(), 0);
    cr_expect_eq(count_in_file(files_secrets(files)), 2);
    fd = files_pack(files, &error);
    cr_expect_eq(count_in_file(fd), 0);
    close(fd);
    files_unref(files);
}

Test(files_wiped, when_read_for_a_comparison_only)
{
    struct files *before = gathered(), *now;

    part(before);
    now = files_renew(before, NULL);
    gather(now);
    cr_expect_eq(count_in_memory(), 2);
    cr_expect(files_equal(before, now, scratch_path("both")));
    files_unref(now);
    cr_expect_eq(count_in_memory(), 0);
    files_unref(before);
}

Test(files_wiped, when_restored)
{
    struct files *before = gathered(), *now;

    part(before);
    now = files_renew(before, NULL);
    gather(now);
    cr_expect(files_restore(now, before, scratch_path("both")));
    cr_expect(files_restore(now, before, scratch_path("key")));
    cr_expect_eq(count_in_memory(), 2);
    part(now);
    cr_expect_eq(count_in_memory(), 0);
    files_unref(before);
    files_unref(now);
}

Test(files_wiped, when_something_fails)
{
    struct error error = { 0 };
    struct files *files = files_on_disk();

    cr_expect_eq(files_gather(files, FILE_FOR_TLS, scratch_path("key"), 100),
        FILE_TOO_LARGE);
    cr_expect_eq(count_in_memory(), 0);
    gather(files);
    cr_expect_not(files_part_secrets(files, print_of, files, &error));
    cr_expect_eq(files_secrets(files), -1);
    error_clear(&error);
    files_unref(files);
    cr_expect_eq(count_in_memory(), 0);
}

/* Processes that sign hold keys as long as they must. */
Test(files_wiped, when_a_pair_of_bundles_is_closed)
{
    struct error error = { 0 };
    struct files *files = gathered(), *pair;
    int fd;

    part(files);
    fd = files_pack(files, &error);
    pair = files_in_bundle(fd, files_secrets(files), &error);
    cr_assert_not_null(pair);
    cr_expect_eq(count_in_memory(), 2);
    files_unref(pair);
    cr_expect_eq(count_in_memory(), 0);
    close(fd);
    files_unref(files);
}
