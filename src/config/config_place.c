#include "config/config_place.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files/files.h"

char *
config_place_directory(struct files *files, const char *path)
{
    const char *slash = strrchr(path, '/');
    char *named, *real;

    if (slash == NULL)
        return files_directory(files, ".");
    named = strndup(path, slash == path ? 1 : (size_t)(slash - path));
    real = named != NULL ? files_directory(files, named) : NULL;
    free(named);
    return real;
}

/* Whether the path goes on with nothing new: "//x" or "/./x". */
static bool
repeats_slash(const char *path)
{
    return path[0] == '/' &&
        (path[1] == '/' || (path[1] == '.' && path[2] == '/'));
}

/* Without doubled slashes and "/./". */
static char *
tidy_path(const char *path)
{
    char *tidy = strdup(path);
    size_t length = 0;

    if (tidy == NULL)
        return NULL;
    while (*path != '\0') {
        if (repeats_slash(path))
            path += path[1] == '/' ? 1 : 2;
        else
            tidy[length++] = *path++;
    }
    tidy[length] = '\0';
    return tidy;
}

char *
config_place_of_path(struct files *files, const char *path)
{
    char *directory = config_place_directory(files, path), *place;
    const char *base = strrchr(path, '/') + 1;

    if (directory == NULL)
        return tidy_path(path);
    if (asprintf(&place, "%s/%s",
            strcmp(directory, "/") == 0 ? "" : directory, base) < 0)
        place = NULL;
    free(directory);
    return place;
}
