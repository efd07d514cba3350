#include "tls/tls_shared.h"

#include <openssl/crypto.h>
#include <openssl/ssl.h>

#include <stdlib.h>
#include <string.h>

#include "base/strings.h"
#include "files/files.h"
#include "tls/tls_load.h"

enum { BUCKETS = 256 };

struct tls_shared {
    LIST_HEAD(, tls_shared_item) items[BUCKETS]; /* by their names */
    bool keeps;
    size_t loaded;
    struct strings left_out;
};

/* The items of an SSL_CTX, in a slot of it. */
struct attached {
    struct attached *next;
    struct tls_shared_item *item;
};

static CRYPTO_ONCE slot_once = CRYPTO_ONCE_STATIC_INIT;
static int slot = -1;

struct tls_shared *
tls_shared_new(bool keeps)
{
    struct tls_shared *shared = calloc(1, sizeof(*shared));

    if (shared != NULL)
        shared->keeps = keeps;
    return shared;
}

static void
free_item(struct tls_shared_item *item)
{
    files_unref(item->files);
    item->kind->free(item);
}

/* An item that is referred to goes with its last reference. */
static void
part_with(struct tls_shared_item *item)
{
    LIST_REMOVE(item, entry);
    item->shared = NULL;
    if (item->references == 0)
        free_item(item);
}

void
tls_shared_free(struct tls_shared *shared)
{
    if (shared == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++)
        while (!LIST_EMPTY(&shared->items[i]))
            part_with(LIST_FIRST(&shared->items[i]));
    strings_clear(&shared->left_out);
    free(shared);
}

void
tls_shared_leave_out(struct tls_shared *shared, const char *path)
{
    if (shared == NULL)
        return;
    for (size_t i = 0; i < shared->left_out.count; i++)
        if (strcmp(shared->left_out.items[i], path) == 0)
            return;
    (void)!strings_add(&shared->left_out, path, strlen(path));
}

const struct strings *
tls_shared_left_out(const struct tls_shared *shared)
{
    return &shared->left_out;
}

size_t
tls_shared_count(const struct tls_shared *shared)
{
    const struct tls_shared_item *item;
    size_t count = 0;

    for (size_t i = 0; i < BUCKETS; i++)
        LIST_FOREACH(item, &shared->items[i], entry)
            count++;
    return count;
}

size_t
tls_shared_loaded(const struct tls_shared *shared)
{
    return shared->loaded;
}

static void
set_files(struct tls_shared_item *item, struct files *files)
{
    if (item->files == files)
        return;
    files_unref(item->files);
    item->files = files_ref(files);
}

struct tls_shared_item *
tls_shared_ref(struct tls_shared_item *item)
{
    item->references++;
    return item;
}

/* The item of that name, whose kind and load are the caller's. */
static struct tls_shared_item *
find_item(struct tls_shared *shared, const struct tls_shared_item *wanted,
    const struct tls_load *load, const void *what)
{
    struct tls_shared_item *item;

    LIST_FOREACH(item, &shared->items[wanted->name % BUCKETS], entry)
        if (item->kind == wanted->kind && item->name == wanted->name &&
            item->kind->matches(item, load, what))
            break;
    /* What was just found equal is the same memory from now on. */
    if (item != NULL)
        set_files(item, load->files);
    return item;
}

static void
add_item(struct tls_shared *shared, struct tls_shared_item *item,
    struct files *files)
{
    item->shared = shared;
    LIST_INSERT_HEAD(&shared->items[item->name % BUCKETS], item, entry);
    shared->loaded++;
    set_files(item, files);
}

/* NULL: the leg shares nothing. */
static struct tls_shared *
shared_of(const struct tls_load *load)
{
    return load->files != NULL ? load->shared : NULL;
}

struct tls_shared_item *
tls_shared_find(const struct tls_shared_kind *kind,
    const struct tls_load *load, const void *what)
{
    const struct tls_shared_item wanted = {
        .kind = kind, .name = kind->hash(load, what),
    };
    struct tls_shared *shared = shared_of(load);
    struct tls_shared_item *item =
        shared != NULL ? find_item(shared, &wanted, load, what) : NULL;

    return item != NULL ? tls_shared_ref(item) : NULL;
}

struct tls_shared_item *
tls_shared_add(const struct tls_shared_kind *kind,
    const struct tls_load *load, const void *what,
    struct tls_shared_item *item)
{
    struct tls_shared *shared = shared_of(load);

    item->kind = kind;
    item->name = kind->hash(load, what);
    if (shared != NULL)
        add_item(shared, item, load->files);
    return tls_shared_ref(item);
}

struct tls_shared_item *
tls_shared_get(const struct tls_shared_kind *kind,
    const struct tls_load *load, const void *what)
{
    struct tls_shared_item *item = tls_shared_find(kind, load, what);

    if (item != NULL)
        return item;
    item = kind->load(load, what);
    return item != NULL ? tls_shared_add(kind, load, what, item) : NULL;
}

void
tls_shared_put(struct tls_shared_item *item)
{
    if (item == NULL || --item->references > 0)
        return;
    if (item->shared != NULL && item->shared->keeps)
        return;
    if (item->shared != NULL)
        LIST_REMOVE(item, entry);
    free_item(item);
}

static void
free_attached(void *parent, void *first, CRYPTO_EX_DATA *data, int index,
    long l, void *arg)
{
    struct attached *next;

    (void)parent, (void)data, (void)index, (void)l, (void)arg;
    for (struct attached *each = first; each != NULL; each = next) {
        next = each->next;
        tls_shared_put(each->item);
        free(each);
    }
}

static void
make_slot(void)
{
    slot = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_attached);
}

bool
tls_shared_attach(SSL_CTX *ctx, struct tls_shared_item *item)
{
    struct attached *attached = malloc(sizeof(*attached));

    CRYPTO_THREAD_run_once(&slot_once, make_slot);
    if (attached == NULL || slot < 0) {
        free(attached);
        return false;
    }
    *attached = (struct attached){ SSL_CTX_get_ex_data(ctx, slot), item };
    if (SSL_CTX_set_ex_data(ctx, slot, attached) != 1) {
        free(attached);
        return false;
    }
    item->references++;
    return true;
}
