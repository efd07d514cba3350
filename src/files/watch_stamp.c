#include "files/watch_stamp.h"

#include <sys/stat.h>

#include <dirent.h>
#include <glob.h>
#include <stddef.h>
#include <string.h>

#include "base/base.h"
#include "base/hash.h"

/* To make two of these meet one has to be able to write the file. */
static const uint64_t basis = HASH64_BASIS;

static uint64_t
mix_number(uint64_t sum, uint64_t number)
{
    for (unsigned shift = 0; shift < 64; shift += 8)
        sum = hash64_byte(sum, (uint8_t)(number >> shift));
    return sum;
}

static uint64_t
mix_text(uint64_t sum, const char *text)
{
    return hash64_byte(hash64_text(sum, text), 0);
}

static uint64_t
mix_status(uint64_t sum, const struct stat *status)
{
    const uint64_t numbers[] = {
        status->st_dev, status->st_ino, (uint64_t)status->st_size,
        (uint64_t)status->st_mtim.tv_sec, (uint64_t)status->st_mtim.tv_nsec,
        (uint64_t)status->st_ctim.tv_sec, (uint64_t)status->st_ctim.tv_nsec,
        status->st_mode, status->st_uid, status->st_gid,
    };

    for (size_t i = 0; i < COUNT(numbers); i++)
        sum = mix_number(sum, numbers[i]);
    return sum;
}

/* The order of entries means nothing, so theirs are added up.  A directory's
 * own times change with every temporary file in it. */
static uint64_t
mix_entries(uint64_t sum, DIR *dir)
{
    struct dirent *entry;
    struct stat status;
    uint64_t total = 0;

    while ((entry = readdir(dir)) != NULL)
        if (fstatat(dirfd(dir), entry->d_name, &status, 0) == 0 &&
            S_ISREG(status.st_mode))
            total += mix_status(mix_text(basis, entry->d_name), &status);
    return mix_number(sum, total);
}

static uint64_t
sum_directory(const char *path, const struct stat *status)
{
    uint64_t sum =
        mix_number(mix_number(basis, status->st_dev), status->st_ino);
    DIR *dir = opendir(path);

    if (dir != NULL) {
        sum = mix_entries(sum, dir);
        closedir(dir);
    }
    return sum;
}

static uint64_t
stamp_of_path(const char *path)
{
    struct stat status;

    if (stat(path, &status) != 0)
        return 0;
    return S_ISDIR(status.st_mode) ? sum_directory(path, &status)
                                   : mix_status(basis, &status);
}

static uint64_t
stamp_of_pattern(const char *pattern)
{
    uint64_t sum = basis;
    glob_t matches = { 0 };

    if (glob(pattern, 0, NULL, &matches) == 0)
        for (size_t i = 0; i < matches.gl_pathc; i++)
            sum = mix_number(mix_text(sum, matches.gl_pathv[i]),
                stamp_of_path(matches.gl_pathv[i]));
    globfree(&matches);
    return sum;
}

/* A path that is there is one, whatever letters it has. */
uint64_t
watch_stamp(const char *path)
{
    uint64_t stamp = stamp_of_path(path);

    return stamp == 0 && strpbrk(path, "*?[") != NULL ? stamp_of_pattern(path)
                                                      : stamp;
}
