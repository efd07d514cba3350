#include "files/files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/strings.h"
#include "files/file_disk.h"
#include "files/files_internal.h"

/* No version is that of two files, nor of one at two times. */
void
files_changed(struct files *files)
{
    static uint64_t latest;

    files->version = ++latest;
}

struct files *
files_new(bool on_disk)
{
    struct files *files = calloc(1, sizeof(*files));

    if (files == NULL)
        return NULL;
    files->references = 1;
    files->on_disk = on_disk;
    files->secrets_fd = -1;
    files_changed(files);
    return files;
}

struct files *
files_on_disk(void)
{
    return files_new(true);
}

struct files *
files_ref(struct files *files)
{
    if (files != NULL)
        files->references++;
    return files;
}

void
files_unref(struct files *files)
{
    if (files == NULL || --files->references > 0)
        return;
    file_cache_clear(&files->table);
    bundle_close(&files->map);
    bundle_close(&files->secrets_map);
    if (files->secrets_fd >= 0)
        close(files->secrets_fd);
    free(files);
}

/* Takes the answer, NULL too; the one that is kept. */
static const struct file_entry *
add_to_cache(struct files *files, struct file_entry *answer)
{
    if (answer != NULL && file_cache_add(&files->table, answer)) {
        files_changed(files);
        return answer;
    }
    file_entry_free(answer);
    errno = ENOMEM;
    return NULL;
}

/* `*own` is what the caller must free.  NULL: errno says why. */
static const struct file_entry *
lookup_entry(struct files *files, enum file_kind kind, const char *path,
    size_t limit, struct file_entry **own)
{
    const struct file_entry *known;

    *own = NULL;
    if (files == NULL) {
        *own = file_disk_ask(kind, path, limit);
        errno = ENOMEM;
        return *own;
    }
    known = file_cache_find(&files->table, kind, path);
    if (known != NULL && files->on_disk && known->result == FILE_TOO_LARGE
        && known->size <= limit)
        known = NULL;       /* not for this reader */
    if (known == NULL && files->on_disk)
        return add_to_cache(files, file_disk_ask(kind, path, limit));
    errno = ENOENT;
    return known;
}

/* The use may be wrong: a key can be in any file. */
static void
mark_secret(struct files *files, enum file_use use,
    const struct file_entry *known)
{
    static const char end[] = "PRIVATE KEY-----";
    struct file_entry *answer;

    if (files == NULL || !files->on_disk || use == FILE_FOR_CONFIG)
        return;
    answer = file_cache_find(&files->table, known->kind, known->path);
    answer->secret = answer->secret || use == FILE_FOR_TLS_SECRET
        || (!answer->searched
        && memmem(answer->data, answer->length, end, sizeof(end) - 1) != NULL);
    answer->searched = true;
    if (answer->secret && !answer->printed && files->print != NULL)
        answer->printed = files->print(files->print_arg, answer->data,
            answer->length, answer->print);
}

enum file_result
files_read(struct files *files, enum file_use use, const char *path,
    size_t limit, struct file_content *content)
{
    enum file_kind kind = use == FILE_FOR_CONFIG ? FILE_TEXT : FILE_TLS;
    struct file_entry *own;
    const struct file_entry *answer =
        lookup_entry(files, kind, path, limit, &own);
    enum file_result result;

    *content = (struct file_content){ .why = answer == NULL ? errno : 0 };
    if (answer == NULL)
        return FILE_NOT_OPENED;
    result = answer->result;
    if (result == FILE_DONE)
        mark_secret(files, use, answer); /* whatever this reader's limit */
    if (result == FILE_DONE && answer->size > limit)
        result = FILE_TOO_LARGE;
    if (result == FILE_DONE) {
        content->text = answer->data;
        content->length = answer->length;
        content->mode = answer->mode;
        content->own = own;
        return FILE_DONE;
    }
    content->why = answer->why;
    file_entry_free(own);
    return result;
}

void
files_release(struct file_content *content)
{
    file_entry_free(content->own);
    *content = (struct file_content){ 0 };
}

const char *
files_why(struct files *files, enum file_kind kind, const char *path, int why,
    char text[FILE_WHY_SIZE])
{
    const struct file_entry *answer = NULL;
    struct file_entry *own = NULL;

    if (why == EACCES)
        answer = lookup_entry(files, kind, path, 0, &own);
    if (answer == NULL || file_entry_why(answer) == NULL)
        snprintf(text, FILE_WHY_SIZE, "%s", strerror(why));
    else
        snprintf(text, FILE_WHY_SIZE, "%s", file_entry_why(answer));
    file_entry_free(own);
    return text;
}

static bool
get_names(struct files *files, enum file_kind kind, const char *path,
    struct strings *names)
{
    struct file_entry *own;
    const struct file_entry *answer = lookup_entry(files, kind, path, 0, &own);
    int why = answer == NULL ? errno : answer->why;

    if (answer != NULL && answer->result == FILE_DONE
        && !file_entry_names(answer, names))
        why = ENOMEM;
    file_entry_free(own);
    errno = why;
    return why == 0;
}

bool
files_list(struct files *files, const char *directory, struct strings *names)
{
    return get_names(files, FILE_LISTING, directory, names);
}

bool
files_match(struct files *files, const char *pattern, struct strings *names)
{
    return get_names(files, FILE_MATCHES, pattern, names);
}

bool
files_match_tls(
    struct files *files, const char *pattern, struct strings *names)
{
    return get_names(files, FILE_TLS_MATCHES, pattern, names);
}

bool
files_start(struct files *files, const char *name, struct strings *names)
{
    return get_names(files, FILE_START, name, names);
}

/* The first name; a hostile bundle may have none or more. */
static char *
get_name(struct files *files, enum file_kind kind, const char *path)
{
    struct strings names = { 0 };
    char *name = NULL;

    if (get_names(files, kind, path, &names)) {
        errno = ENOENT;
        if (names.count > 0)
            name = strdup(names.items[0]);
    }
    strings_clear(&names);
    return name;
}

char *
files_directory(struct files *files, const char *path)
{
    return get_name(files, FILE_DIRECTORY, path);
}

char *
files_variable(struct files *files, const char *name)
{
    return get_name(files, FILE_VARIABLE, name);
}

char *
files_port(struct files *files, const char *name)
{
    return get_name(files, FILE_PORT, name);
}

bool
files_owns_address(struct files *files, const char *number)
{
    char *name = get_name(files, FILE_OWN_ADDRESS, number);
    bool own = name != NULL;

    free(name);
    return own;
}

bool
files_set_start(struct files *files, const char *name, char *const *words,
    size_t count)
{
    struct file_entry *answer = file_entry_new(FILE_START, name);

    if (answer == NULL || !file_entry_set_names(answer, words, count)) {
        file_entry_free(answer);
        return false;
    }
    return add_to_cache(files, answer) != NULL;
}

bool
files_leave_out(struct files *files, const char *path, const char *why)
{
    struct file_entry *answer = file_entry_new(FILE_LEFT_OUT, path);

    if (answer == NULL ||
        !file_entry_set_names(answer, (char *[]){ (char *)why }, 1)) {
        file_entry_free(answer);
        return false;
    }
    return add_to_cache(files, answer) != NULL;
}

bool
files_is_left_out(const struct files *files, const char *path)
{
    return files != NULL &&
        file_cache_find(&files->table, FILE_LEFT_OUT, path) != NULL;
}

bool
files_provide(struct files *files, const char *path, const char *text,
    size_t length)
{
    struct file_entry *answer = file_entry_new(FILE_TLS, path);

    if (answer == NULL)
        return false;
    answer->data = malloc(length + 1);
    if (answer->data == NULL) {
        file_entry_free(answer);
        return false;
    }
    if (length > 0)
        memcpy(answer->data, text, length);
    answer->length = length;
    answer->size = length;
    answer->mode = 0400;
    answer->secret = true;
    return add_to_cache(files, answer) != NULL;
}

size_t
files_count(const struct files *files)
{
    return files->table.count;
}

const struct file_entry *
files_at(const struct files *files, size_t index)
{
    return files->table.items[index];
}

int
files_pack(const struct files *files, struct error *error)
{
    return bundle_write(&files->table, BUNDLE_ALL, error);
}
