#include "config/config_file.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "config/config_fault.h"

#define FILE_SIZE_MAX MIB(4)
#define MATCHES_MAX 1000

/* Reads to the end, or to one byte past the limit.  The size is not asked for:
 * a pipe has none. */
static char *
read_all(int fd, size_t *length, int *why)
{
    size_t size = 0;
    char *text = NULL, *grown;
    ssize_t got = 1;

    *length = 0;
    while (got > 0 && *length <= FILE_SIZE_MAX) {
        if (*length == size) {
            size += KIB(64);
            grown = realloc(text, size);
            if (grown == NULL)
                break;
            text = grown;
        }
        got = read(fd, text + *length, size - *length);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got > 0)
            *length += (size_t)got;
    }
    *why = errno;
    if (got == 0 || *length > FILE_SIZE_MAX)
        return text;
    free(text);
    return NULL;
}

char *
config_file_read(const char *path, size_t *length, struct fault *fault)
{
    int why, fd = open(path, O_RDONLY | O_CLOEXEC);
    char *text;

    if (fd < 0) {
        config_fault_set(fault, "cannot open \"%s\": %s", path,
            strerror(errno));
        return NULL;
    }
    text = read_all(fd, length, &why);
    close(fd);
    if (text == NULL) {
        config_fault_set(fault, "cannot read \"%s\": %s", path,
            strerror(why));
    } else if (*length > FILE_SIZE_MAX) {
        config_fault_set(fault, "\"%s\" is larger than %zu bytes; is it a "
            "configuration file?", path, FILE_SIZE_MAX);
        free(text);
        text = NULL;
    }
    return text;
}

char *
config_file_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *named, *real;

    if (slash == NULL)
        return realpath(".", NULL);
    named = strndup(path, slash == path ? 1 : (size_t)(slash - path));
    real = named != NULL ? realpath(named, NULL) : NULL;
    free(named);
    return real;
}

/* The directory is a name, not a pattern: glob(3) must take it as it is. */
static char *
join_pattern(const char *directory, const char *pattern)
{
    size_t length = 0;
    char *joined;

    if (pattern[0] == '/' || directory == NULL)
        return strdup(pattern);
    joined = malloc(2 * strlen(directory) + 1 + strlen(pattern) + 1);
    if (joined == NULL)
        return NULL;
    for (const char *at = directory; *at != '\0'; at++) {
        if (strchr("*?[\\", *at) != NULL)
            joined[length++] = '\\';
        joined[length++] = *at;
    }
    joined[length++] = '/';
    strcpy(joined + length, pattern);
    return joined;
}

static bool
add_matches(struct strings *paths, const glob_t *matches,
    struct fault *fault)
{
    if (paths->count + matches->gl_pathc > MATCHES_MAX)
        return config_refuse(fault, "it names more than %d files",
            MATCHES_MAX);
    for (size_t i = 0; i < matches->gl_pathc; i++) {
        const char *path = matches->gl_pathv[i];

        if (!config_strings_add(paths, path, strlen(path)))
            return config_refuse(fault, "out of memory");
    }
    return true;
}

/* An unreadable directory is an error rather than no match: services would
 * vanish in silence. */
static bool
find_matches(struct strings *paths, const char *pattern,
    struct fault *fault)
{
    glob_t matches = { 0 };
    int result;
    bool good;

    errno = 0;
    result = glob(pattern, GLOB_ERR, NULL, &matches);
    if (result == 0)
        good = add_matches(paths, &matches, fault);
    else if (result == GLOB_NOMATCH)
        good = true;
    else if (result == GLOB_ABORTED && (errno == ENOENT || errno == ENOTDIR))
        good = true;
    else
        good = config_refuse(fault, "cannot look for \"%s\": %s", pattern,
            errno != 0 ? strerror(errno) : "out of memory");
    globfree(&matches);
    return good;
}

bool
config_file_glob(struct strings *paths, const char *pattern,
    const char *directory, struct fault *fault)
{
    char *path;
    bool good;

    if (strpbrk(pattern, "*?[") != NULL) {
        path = join_pattern(directory, pattern);
        good = path != NULL && find_matches(paths, path, fault);
    } else {
        if (directory == NULL || pattern[0] == '/')
            path = strdup(pattern);
        else if (asprintf(&path, "%s/%s", directory, pattern) < 0)
            path = NULL;
        good = path != NULL && (config_strings_add(paths, path, strlen(path))
            || config_refuse(fault, "out of memory"));
    }
    if (path == NULL)
        return config_refuse(fault, "out of memory");
    free(path);
    return good;
}
