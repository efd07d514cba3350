/* Files as they were, and as they are now. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"
#include "files/files.h"
#include "files/files_internal.h"

/* All that a TLS option asks for. */
static const enum file_kind tls_kinds[] = {
    FILE_TLS, FILE_LISTING, FILE_TLS_MATCHES,
};

/* Sees the path itself and each file that is listed in it, until one visit
 * is false. */
typedef bool visit_fn(const char *path, void *arg);

static bool
visit_names(const char *path, const struct strings *names, visit_fn *visit,
    void *arg)
{
    bool good = true;

    for (size_t i = 0; good && i < names->count; i++) {
        char *joined;

        if (asprintf(&joined, "%s/%s", path, names->items[i]) < 0)
            return false;
        good = visit(joined, arg);
        free(joined);
    }
    return good;
}

/* `files` says what is listed. */
static bool
visit_all(const struct files *files, const char *path, visit_fn *visit,
    void *arg)
{
    const struct file_entry *listing =
        file_cache_find(&files->table, FILE_LISTING, path);
    struct strings names = { 0 };
    bool good = visit(path, arg);

    if (good && listing != NULL)
        good = file_entry_names(listing, &names);
    if (good)
        good = visit_names(path, &names, visit, arg);
    strings_clear(&names);
    return good;
}

struct two {
    struct files *to;
    const struct files *a;
    const struct files *b;
    size_t copied;
};

static bool
is_same_tls_file(const char *path, void *arg)
{
    const struct two *two = arg;

    for (size_t i = 0; i < COUNT(tls_kinds); i++) {
        if (!file_entry_same(
            file_cache_find(&two->a->table, tls_kinds[i], path),
            file_cache_find(&two->b->table, tls_kinds[i], path)))
            return false;
    }
    return true;
}

/* Many services name the same files, some of which are large: what was found
 * out is kept with the path's answer. */
bool
files_equal(const struct files *a, const struct files *b, const char *path)
{
    struct two two = { .a = a, .b = b };
    struct file_entry *known = file_cache_find(&b->table, FILE_TLS, path);
    bool same;

    if (known != NULL && known->compared[0] == a->version
        && known->compared[1] == b->version)
        return known->compared_same;
    same = visit_all(a, path, is_same_tls_file, &two);
    if (known != NULL) {
        known->compared[0] = a->version;
        known->compared[1] = b->version;
        known->compared_same = same;
    }
    return same;
}

static bool
add_copy(struct files *files, const struct files *older,
    const struct file_entry *answer)
{
    struct file_entry *copy = files_copy_whole(older, answer);

    if (copy != NULL && file_cache_add(&files->table, copy)) {
        files_changed(files);
        return true;
    }
    file_entry_free(copy);
    return false;
}

static bool
restore_one(const char *path, void *arg)
{
    struct two *two = arg;

    for (size_t i = 0; i < COUNT(tls_kinds); i++) {
        const struct file_entry *known =
            file_cache_find(&two->a->table, tls_kinds[i], path);

        if (known == NULL)
            continue;
        if (!add_copy(two->to, two->a, known))
            return false;
        two->copied++;
    }
    return true;
}

bool
files_restore(struct files *files, const struct files *older,
    const char *path)
{
    struct two two = { .to = files, .a = older };

    return visit_all(older, path, restore_one, &two) && two.copied > 0;
}

static bool
is_of_config(enum file_kind kind)
{
    return kind != FILE_TLS && kind != FILE_LISTING &&
        kind != FILE_TLS_MATCHES && kind != FILE_LEFT_OUT;
}

/* The path itself, or a file in that directory. */
static bool
is_at(const char *path, const struct strings *places)
{
    for (size_t i = 0; places != NULL && i < places->count; i++) {
        size_t length = strlen(places->items[i]);

        if (strncmp(path, places->items[i], length) == 0 &&
            (path[length] == '\0' || path[length] == '/'))
            return true;
    }
    return false;
}

struct files *
files_renew(const struct files *older, const struct strings *kept)
{
    struct files *files = files_on_disk();

    if (files == NULL)
        return NULL;
    files->print = older->print;
    files->print_arg = older->print_arg;
    for (size_t i = 0; i < older->table.count; i++) {
        const struct file_entry *answer = older->table.items[i];

        if ((is_of_config(answer->kind) || is_at(answer->path, kept)) &&
            !add_copy(files, older, answer)) {
            files_unref(files);
            return NULL;
        }
    }
    return files;
}

enum file_result
files_gather(struct files *files, enum file_use use, const char *path,
    size_t limit)
{
    struct file_content content;
    enum file_result result = files_read(files, use, path, limit, &content);

    files_release(&content);
    return result;
}

struct gathering {
    struct files *files;
    size_t limit;
};

static bool
gather_one(const char *path, void *arg)
{
    const struct gathering *gathering = arg;

    (void)files_gather(gathering->files, FILE_FOR_TLS, path,
        gathering->limit);
    return true;
}

void
files_gather_listed(struct files *files, const char *directory, size_t limit)
{
    struct gathering gathering = { files, limit };
    struct strings names = { 0 };

    if (files_list(files, directory, &names))
        (void)visit_names(directory, &names, gather_one, &gathering);
    strings_clear(&names);
}
