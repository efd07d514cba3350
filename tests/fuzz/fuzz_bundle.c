/*
 * A bundle: whatever the bytes, they are refused or understood, and what is
 * understood packs into the same bytes again.  A configuration is then loaded
 * from it, with every file that its options name.  What follows its length is
 * tried as the bundle of its secrets.
 */
#include <sys/mman.h>

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "config/config.h"
#include "config/config_load.h"
#include "files/bundle.h"
#include "files/files.h"
#include "tls/tls_files.h"

enum { LIMIT = 1 << 20 };

static int
seal(const void *data, size_t length)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0 || write(fd, data, length) != (ssize_t)length
        || fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW
        | F_SEAL_SEAL) != 0)
        abort();
    return fd;
}

static void
check_same(int fd, const void *data, size_t length)
{
    char *again = malloc(length + 1);

    if (again == NULL || pread(fd, again, length + 1, 0) != (ssize_t)length
        || memcmp(again, data, length) != 0)
        abort();
    free(again);
}

/* Every question that has an answer. */
static void
ask(struct files *files, const struct file_entry *answer)
{
    struct strings names = { 0 };
    bool found;

    (void)files_gather(files, FILE_FOR_TLS, answer->path, LIMIT);
    (void)files_gather(files, FILE_FOR_CONFIG, answer->path, LIMIT);
    files_gather_listed(files, answer->path, LIMIT);
    found = files_match(files, answer->path, &names)
        || files_start(files, answer->path, &names);
    (void)found;
    strings_clear(&names);
    free(files_directory(files, answer->path));
    free(files_variable(files, answer->path));
    if (!files_equal(files, files, answer->path))
        abort();
}

static void
check_renewed(const struct files *files)
{
    struct files *renewed = files_renew(files, NULL);

    if (renewed == NULL)
        abort();
    for (size_t i = 0; i < files_count(files); i++) {
        const char *path = files_at(files, i)->path;

        if (files_restore(renewed, files, path)
            && !files_equal(files, renewed, path))
            abort();
    }
    files_unref(renewed);
}

static void
load(int fd)
{
    struct error error = { 0 };
    struct config *config = config_load_bundle(fd, -1, &error);

    if ((config == NULL) != error_any(&error))
        abort();
    if (config != NULL)
        tls_files_gather(config);
    config_unref(config);
    error_clear(&error);
}

static void
try(const void *data, size_t length)
{
    struct error error = { 0 };
    int fd = seal(data, length), packed;
    struct files *files = files_in_bundle(fd, -1, &error);

    if ((files == NULL) != error_any(&error))
        abort();
    if (files != NULL) {
        packed = files_pack(files, &error);
        check_same(packed, data, length);
        close(packed);
        for (size_t i = 0; i < files_count(files); i++)
            ask(files, files_at(files, i));
        check_renewed(files);
        load(fd);
    }
    files_unref(files);
    error_clear(&error);
    close(fd);
}

/* Nothing is elsewhere any more, and the others see it the same. */
static void
check_pair(struct files *pair, struct files *seen)
{
    struct error error = { 0 };
    int packed = files_pack(pair, &error);
    struct files *again = files_in_bundle(packed, -1, &error);

    if (again == NULL || files_count(again) != files_count(seen))
        abort();
    for (size_t i = 0; i < files_count(pair); i++) {
        const struct file_entry *answer = files_at(pair, i);

        if (answer->apart || !file_entry_same(answer, files_at(again, i))
            || !file_entry_same(answer, files_at(seen, i)))
            abort();
        ask(pair, answer);
    }
    check_renewed(pair);
    files_unref(again);
    close(packed);
}

static void
try_pair(const void *data, size_t length, const void *secrets,
    size_t secrets_length)
{
    struct error error = { 0 };
    int fd = seal(data, length), secrets_fd = seal(secrets, secrets_length);
    struct files *seen = files_in_bundle(fd, -1, &error), *pair = NULL;

    error_clear(&error);
    if (seen != NULL)
        pair = files_in_bundle(fd, secrets_fd, &error);
    if (seen != NULL && (pair == NULL) != error_any(&error))
        abort();
    if (pair != NULL)
        check_pair(pair, seen);
    files_unref(pair);
    files_unref(seen);
    error_clear(&error);
    close(fd);
    close(secrets_fd);
}

/* A copy with a head that lets the records be looked at. */
static uint8_t *
fix(const uint8_t *data, size_t size)
{
    uint8_t *fixed = malloc(size);
    struct bundle_head head;

    if (fixed == NULL)
        abort();
    memcpy(fixed, data, size);
    memcpy(&head, data, sizeof(head));
    memcpy(head.magic, BUNDLE_MAGIC, sizeof(head.magic));
    head.length = size;
    head.zero = 0;
    memcpy(fixed, &head, sizeof(head));
    return fixed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As it is, and fixed; then in two. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bundle_head head;
    uint8_t *fixed, *rest;

    try(data, size);
    if (size < sizeof(head))
        return 0;
    fixed = fix(data, size);
    try(fixed, size);
    free(fixed);
    memcpy(&head, data, sizeof(head));
    if (head.length < sizeof(head) || head.length > size - sizeof(head))
        return 0;
    fixed = fix(data, head.length);
    rest = fix(data + head.length, size - head.length);
    try_pair(fixed, head.length, rest, size - head.length);
    free(fixed);
    free(rest);
    return 0;
}
