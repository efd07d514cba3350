/* Secrets apart from the rest, and both together again. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "files/files_internal.h"
#include "files/pem_public.h"

/* An answer, and what will be left of it. */
struct parted {
    struct file_entry *answer;
    char *text;
    size_t length;
};

struct parting {
    struct parted *items;
    size_t count;
};

static void
parting_free(struct parting *parting)
{
    for (size_t i = 0; i < parting->count; i++)
        free(parting->items[i].text);
    free(parting->items);
}

/* Exactly as large as it must be: the file's length says how long a passphrase
 * is. */
static bool
parting_add(struct parting *parting, struct file_entry *answer)
{
    size_t length = pem_public_copy(answer->data, answer->length, NULL);
    char *text = malloc(length + 1);

    if (text == NULL)
        return false;
    (void)pem_public_copy(answer->data, answer->length, text);
    parting->items[parting->count++] =
        (struct parted){ answer, text, length };
    return true;
}

static bool
fingerprint_secret(const struct files *files, struct file_entry *answer,
    struct error *error)
{
    answer->printed = files->print(files->print_arg, answer->data,
        answer->length, answer->print);
    if (!answer->printed)
        error_add(error, "%s: cannot make its fingerprint", answer->path);
    return answer->printed;
}

static bool
prepare_parting(struct files *files, struct parting *parting,
    struct error *error)
{
    parting->items = calloc(files->table.count + 1, sizeof(*parting->items));
    if (parting->items == NULL) {
        error_no_memory(error);
        return false;
    }
    for (size_t i = 0; i < files->table.count; i++) {
        struct file_entry *answer = files->table.items[i];

        assert(!answer->apart);
        if (!file_entry_is_whole_secret(answer))
            continue;
        if (!fingerprint_secret(files, answer, error))
            return false;
        if (!parting_add(parting, answer)) {
            error_no_memory(error);
            return false;
        }
    }
    return true;
}

static void
part_secret(struct parted *parted)
{
    struct file_entry *answer = parted->answer;

    file_entry_wipe(answer->data, answer->length);
    answer->data = parted->text;
    answer->size = answer->length = parted->length;
    answer->apart = true;
    parted->text = NULL;
}

bool
files_part_secrets(struct files *files, files_print_fn *print, void *arg,
    struct error *error)
{
    struct parting parting = { 0 };
    bool good;

    assert(files->on_disk);
    files->print = print;
    files->print_arg = arg;
    good = prepare_parting(files, &parting, error);
    if (good && parting.count > 0) {
        files->secrets_fd = bundle_write(&files->table, BUNDLE_SECRETS, error);
        good = files->secrets_fd >= 0;
    }
    for (size_t i = 0; good && i < parting.count; i++)
        part_secret(&parting.items[i]);
    files_changed(files);
    if (good)
        files->on_disk = false;     /* nothing comes in behind our back */
    parting_free(&parting);
    return good;
}

int
files_secrets(const struct files *files)
{
    return files->secrets_fd;
}

void
files_discard_secrets(struct files *files)
{
    if (files->secrets_fd >= 0)
        close(files->secrets_fd);
    files->secrets_fd = -1;
    files_changed(files);
}

/* A mapping would stay readable longer, and to more of us. */
static bool
read_back(int fd, char *data, size_t length, uint64_t at)
{
    ssize_t got;

    for (size_t done = 0; done < length; done += (size_t)got) {
        got = pread(fd, data + done, length - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR)
            got = 0;
        else if (got <= 0)
            return false;
    }
    return true;
}

struct file_entry *
files_copy_whole(const struct files *files, const struct file_entry *answer)
{
    struct file_entry *copy = file_entry_copy(answer);
    size_t length = answer->whole_length;
    char *data;

    if (copy == NULL || !answer->apart || files->secrets_fd < 0)
        return copy;
    data = malloc(length + 1);
    if (data == NULL
        || !read_back(files->secrets_fd, data, length, answer->whole_at)) {
        file_entry_wipe(data, length);
        file_entry_free(copy);
        return NULL;
    }
    file_entry_wipe(copy->data, copy->length);
    copy->data = data;
    copy->size = copy->length = length;
    copy->apart = false;
    return copy;
}

/* The secret is a bundle's, sound in itself. */
static bool
join_secret(struct files *files, const struct file_entry *secret)
{
    struct file_entry *known =
        file_cache_find(&files->table, secret->kind, secret->path);

    if (known == NULL || !known->apart || secret->apart || !secret->printed
        || memcmp(known->print, secret->print, sizeof(known->print)) != 0)
        return false;
    known->data = secret->data;
    known->size = known->length = secret->length;
    known->apart = false;
    return true;
}

static size_t
count_apart(const struct file_cache *table)
{
    size_t count = 0;

    for (size_t i = 0; i < table->count; i++)
        count += table->items[i]->apart;
    return count;
}

/* Fills the answers that are apart with what the bundle of secrets says, which
 * must be all of them and nothing else. */
static bool
join_secrets(struct files *files, int secrets_fd, struct error *error)
{
    struct file_cache secrets = { 0 };
    bool good;

    if (!bundle_open(secrets_fd, &files->secrets_map, &secrets, error))
        return false;
    good = secrets.count == count_apart(&files->table);
    for (size_t i = 0; good && i < secrets.count; i++)
        good = join_secret(files, secrets.items[i]);
    if (!good)
        error_add(error, "the bundle of secrets belongs to another one");
    file_cache_clear(&secrets);
    files_changed(files);
    return good;
}

struct files *
files_in_bundle(int fd, int secrets_fd, struct error *error)
{
    struct files *files = files_new(false);

    if (files == NULL) {
        error_no_memory(error);
        return NULL;
    }
    if (bundle_open(fd, &files->map, &files->table, error)
        && (secrets_fd < 0 || join_secrets(files, secrets_fd, error)))
        return files;
    files_unref(files);
    return NULL;
}
