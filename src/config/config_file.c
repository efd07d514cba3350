#include "config/config_file.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "config/config.h"
#include "config/config_fault.h"
#include "files/files.h"

#define FILE_SIZE_MAX MIB(4)
#define MATCHES_MAX 1000

bool
config_file_read(struct files *files, const char *path,
    struct file_content *content, struct fault *fault)
{
    char why[FILE_WHY_SIZE];

    switch (files_read(files, FILE_FOR_CONFIG, path, FILE_SIZE_MAX, content)) {
    case FILE_DONE:
        return true;
    case FILE_NOT_OPENED:
        return config_refuse(fault, "cannot open \"%s\": %s", path,
            files_why(files, FILE_TEXT, path, content->why, why));
    case FILE_IS_DIRECTORY:
        return config_refuse(fault, "cannot read \"%s\": %s", path,
            strerror(EISDIR));
    case FILE_NOT_REGULAR:
        return config_refuse(fault, "\"%s\" is not a regular file, so it "
            "could not be read again; write its text to a file", path);
    case FILE_TOO_LARGE:
        return config_refuse(fault, "\"%s\" is larger than %zu bytes; is it a "
            "configuration file?", path, FILE_SIZE_MAX);
    default:
        return config_refuse(fault, "cannot read \"%s\": %s", path,
            strerror(content->why));
    }
}

void
config_file_warn(const struct config *config)
{
    const struct strings *names = &config->file_names;

    for (size_t i = 0; i < names->count; i++) {
        const struct log_cause cause = {
            .file = names->items[i], .place.file = (unsigned)i + 1,
        };
        struct file_content content;

        if (files_read(config->files, FILE_FOR_CONFIG, names->items[i],
                FILE_SIZE_MAX, &content) != FILE_DONE)
            continue; /* the command line is no file */
        if ((content.mode & S_IWOTH) != 0)
            log_warn_at(&cause, NULL, "open", "%s may be changed by any user "
                "(mode %04o), and so may what this daemon does: chmod o-w %s",
                names->items[i], (unsigned)content.mode, names->items[i]);
        files_release(&content);
    }
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
find_matches(struct files *files, struct strings *paths, const char *pattern,
    struct fault *fault)
{
    size_t before = paths->count;
    char why[FILE_WHY_SIZE];

    if (!files_match(files, pattern, paths))
        return config_refuse(fault, "cannot look for \"%s\": %s", pattern,
            files_why(files, FILE_MATCHES, pattern, errno, why));
    if (paths->count - before > MATCHES_MAX)
        return config_refuse(fault, "it names more than %d files",
            MATCHES_MAX);
    return true;
}

bool
config_file_glob(struct files *files, struct strings *paths,
    const char *pattern, const char *directory, struct fault *fault)
{
    char *path;
    bool good;

    if (strpbrk(pattern, "*?[") != NULL) {
        path = join_pattern(directory, pattern);
        good = path != NULL && find_matches(files, paths, path, fault);
    } else {
        if (directory == NULL || pattern[0] == '/')
            path = strdup(pattern);
        else if (asprintf(&path, "%s/%s", directory, pattern) < 0)
            path = NULL;
        good = path != NULL && (strings_add(paths, path, strlen(path))
            || config_no_memory(fault));
    }
    if (path == NULL)
        return config_no_memory(fault);
    free(path);
    return good;
}
