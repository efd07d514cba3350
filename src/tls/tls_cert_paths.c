#include "tls/tls_cert_paths.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"
#include "config/config.h"
#include "files/files.h"

/* While the files of a line are found. */
struct finding {
    struct files *files;
    const struct leg_config *leg;
    struct tls_cert_paths *paths;
    size_t line;
    char *directory;      /* that was listed last; NULL: none */
    struct strings names; /* of it, in the order of strcmp(3) */
};

/* A certificate and its key that make a directory one pair. */
static const struct {
    const char *cert, *key;
} layouts[] = {
    { "tls.crt", "tls.key" }, { "fullchain.pem", "privkey.pem" },
};

bool
tls_cert_paths_is_pattern(const char *line)
{
    return strpbrk(line, "*?[") != NULL;
}

/* Takes both, of which `key` may be NULL. */
static bool
add_cert_path(struct tls_cert_paths *paths, char *cert, char *key, size_t line,
    bool listed)
{
    size_t size = paths->size == 0 ? 4 : 2 * paths->size;
    struct tls_cert_path *items = paths->items;

    if (cert != NULL && paths->count == paths->size) {
        items = reallocarray(paths->items, size, sizeof(*items));
        if (items != NULL) {
            paths->items = items;
            paths->size = size;
        }
    }
    if (cert == NULL || items == NULL) {
        free(cert);
        free(key);
        return false;
    }
    paths->items[paths->count++] =
        (struct tls_cert_path){ cert, key, line, listed };
    return true;
}

/* NULL: out of memory. */
static char *
join_path(const char *directory, const char *name)
{
    size_t length = strlen(directory);
    char *joined;

    while (length > 1 && directory[length - 1] == '/')
        length--;
    if (asprintf(&joined, "%.*s/%s", (int)length, directory, name) < 0)
        return NULL;
    return joined;
}

/* False: errno says why there are no names of it; those of the last one stay. */
static bool
list_directory(struct finding *finding, const char *directory)
{
    struct strings names = { 0 };
    char *copy;

    if (finding->directory != NULL &&
        strcmp(finding->directory, directory) == 0)
        return true;
    if (!files_list(finding->files, directory, &names))
        return false;
    copy = strdup(directory);
    if (copy == NULL) {
        strings_clear(&names);
        return false;
    }
    free(finding->directory);
    strings_clear(&finding->names);
    finding->directory = copy;
    finding->names = names;
    return true;
}

static int
compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool
lists_file(const struct strings *names, const char *name)
{
    return names->count > 0 && bsearch(&name, names->items, names->count,
        sizeof(*names->items), compare_texts) != NULL;
}

static bool
ends_with(const char *name, const char *end)
{
    size_t length = strlen(name), tail = strlen(end);

    return length > tail && strcmp(name + length - tail, end) == 0;
}

static bool
is_cert_name(const char *name)
{
    return (ends_with(name, ".pem") || ends_with(name, ".crt") ||
               ends_with(name, ".cer")) &&
        strcmp(name, "ca.crt") != 0;
}

/* The name of the key's file beside that certificate; NULL: there is none. */
static char *
find_key_name(const struct strings *names, const char *cert)
{
    const char *dot = strrchr(cert, '.');
    int stem = dot != NULL ? (int)(dot - cert) : (int)strlen(cert);
    char *name = NULL;

    for (size_t i = 0; i < COUNT(layouts); i++)
        if (strcmp(cert, layouts[i].cert) == 0 &&
            lists_file(names, layouts[i].key))
            return strdup(layouts[i].key);
    if (asprintf(&name, "%.*s.key", stem, cert) < 0)
        return NULL;
    if (lists_file(names, name))
        return name;
    free(name);
    if (asprintf(&name, "%s.key", cert) < 0)
        return NULL;
    if (lists_file(names, name))
        return name;
    free(name);
    return NULL;
}

/* Of the directory that was listed. */
static bool
add_named(const struct finding *finding, const char *cert)
{
    const char *directory = finding->directory;
    char *key_name = find_key_name(&finding->names, cert);
    char *key = key_name != NULL ? join_path(directory, key_name) : NULL;

    free(key_name);
    return add_cert_path(finding->paths, join_path(directory, cert), key,
        finding->line, true);
}

/* A directory that is one pair, or as many as it has certificates. */
static bool
add_listing(const struct finding *finding)
{
    const struct strings *names = &finding->names;

    for (size_t i = 0; i < COUNT(layouts); i++)
        if (lists_file(names, layouts[i].cert))
            return add_named(finding, layouts[i].cert);
    for (size_t i = 0; i < names->count; i++)
        if (is_cert_name(names->items[i]) &&
            !add_named(finding, names->items[i]))
            return false;
    return true;
}

/* With the key that stands beside it. */
static bool
add_matched_file(struct finding *finding, const char *path)
{
    const char *slash = strrchr(path, '/');
    char *directory = slash == NULL ? strdup(".")
                                    : strndup(path, slash == path
                                              ? 1 : (size_t)(slash - path));
    bool good = directory != NULL;

    if (good && slash != NULL && list_directory(finding, directory))
        good = add_named(finding, slash + 1);
    else if (good)
        good = add_cert_path(
            finding->paths, strdup(path), NULL, finding->line, true);
    free(directory);
    return good;
}

/* What the line itself names. */
static bool
add_file(const struct finding *finding, const char *path)
{
    const struct strings *keys = &finding->leg->key;
    char *key = NULL;

    if (finding->line < keys->count) {
        key = strdup(keys->items[finding->line]);
        if (key == NULL)
            return false;
    }
    return add_cert_path(
        finding->paths, strdup(path), key, finding->line, false);
}

/* A directory, or a file that a pattern matches (`listed`) or a line names. */
static bool
add_found_path(struct finding *finding, const char *path, bool listed)
{
    if (list_directory(finding, path))
        return add_listing(finding);
    if (errno == ENOMEM)
        return false;
    return listed ? add_matched_file(finding, path) : add_file(finding, path);
}

static bool
add_matches(struct finding *finding, const char *pattern)
{
    struct strings paths = { 0 };
    bool good = files_match_tls(finding->files, pattern, &paths) ||
        errno != ENOMEM;

    for (size_t i = 0; good && i < paths.count; i++)
        if (!ends_with(paths.items[i], ".key"))
            good = add_found_path(finding, paths.items[i], true);
    strings_clear(&paths);
    return good;
}

bool
tls_cert_paths_find(struct files *files, const struct leg_config *leg,
    struct tls_cert_paths *paths)
{
    struct finding finding = { .files = files, .leg = leg, .paths = paths };
    bool good = true;

    for (size_t i = 0; good && i < leg->cert.count; i++) {
        const char *line = leg->cert.items[i];

        finding.line = i;
        good = tls_cert_paths_is_pattern(line) ? add_matches(&finding, line)
                                                : add_found_path(&finding,
                                                      line, false);
    }
    free(finding.directory);
    strings_clear(&finding.names);
    return good;
}

void
tls_cert_paths_clear(struct tls_cert_paths *paths)
{
    for (size_t i = 0; i < paths->count; i++) {
        free(paths->items[i].cert);
        free(paths->items[i].key);
    }
    free(paths->items);
    *paths = (struct tls_cert_paths){ .items = NULL };
}
