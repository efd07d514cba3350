#include "tls/tls_trust_set.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "tls/tls_files.h"
#include "tls/tls_load.h"
#include "tls/tls_trust_read.h"

struct tls_trust_loading {
    struct tls_load load;
    struct tls_trust_set *set;
    struct tls_trust_reading *reading;
};

static bool
copy_strings(struct strings *to, const struct strings *from)
{
    for (size_t i = 0; i < from->count; i++)
        if (!strings_add(to, from->items[i], strlen(from->items[i])))
            return false;
    return true;
}

static void
free_set(struct tls_shared_item *item)
{
    struct tls_trust_set *set = (struct tls_trust_set *)item;

    strings_clear(&set->ca);
    strings_clear(&set->crl);
    strings_clear(&set->crl_paths);
    tls_anchors_clear(&set->anchors);
    sk_X509_pop_free(set->certs, X509_free);
    sk_X509_CRL_pop_free(set->crls, X509_CRL_free);
    tls_notes_clear(&set->notes);
    free(set);
}

/* Without what the options name.  NULL: out of memory. */
static struct tls_trust_set *
new_set(const struct tls_load *load)
{
    struct tls_trust_set *set = calloc(1, sizeof(*set));

    if (set == NULL)
        return NULL;
    set->accepts = load->accepts;
    set->certs = sk_X509_new_null();
    set->crls = sk_X509_CRL_new_null();
    if (set->certs != NULL && set->crls != NULL &&
        copy_strings(&set->ca, &load->leg->ca) &&
        copy_strings(&set->crl, &load->leg->crl))
        return set;
    free_set(&set->item);
    return NULL;
}

static struct tls_shared_item *
load_set(const struct tls_load *load, const void *what)
{
    struct tls_trust_set *set = new_set(load);
    struct tls_trust_reading *reading =
        set != NULL ? tls_trust_reading_new(load, set) : NULL;

    (void)what;
    if (reading == NULL) {
        if (set != NULL)
            free_set(&set->item);
        return NULL;
    }
    while (tls_trust_reading_step(reading))
        continue;
    tls_trust_reading_free(reading);
    return &set->item;
}

static bool
is_same_list(const struct strings *a, const struct strings *b)
{
    bool same = a->count == b->count;

    for (size_t i = 0; same && i < a->count; i++)
        same = strcmp(a->items[i], b->items[i]) == 0;
    return same;
}

/* What an empty `ca` means, the side decides. */
static bool
is_set_of(const struct tls_shared_item *item, const struct tls_load *load,
    const void *what)
{
    const struct tls_trust_set *set = (const struct tls_trust_set *)item;
    const struct leg_config *leg = load->leg;

    (void)what;
    return (leg->ca.count > 0 || set->accepts == load->accepts) &&
        is_same_list(&set->ca, &leg->ca) &&
        is_same_list(&set->crl, &leg->crl) &&
        tls_files_same_trust(leg, load->accepts, item->files, load->files);
}

/* The NUL, too: "ab", "c" is not "a", "bc". */
static uint32_t
hash_path(uint32_t hash, const char *path)
{
    return hash32_byte(hash32_text(hash, path), 0);
}

static uint32_t
hash_set(const struct tls_load *load, const void *what)
{
    const struct leg_config *leg = load->leg;
    uint32_t hash = HASH32_BASIS;

    (void)what;
    for (size_t i = 0; i < leg->ca.count; i++)
        hash = hash_path(hash, leg->ca.items[i]);
    for (size_t i = 0; i < leg->crl.count; i++)
        hash = hash_path(hash, leg->crl.items[i]);
    return hash;
}

static const struct tls_shared_kind kind = {
    hash_set, is_set_of, load_set, free_set,
};

struct tls_trust_set *
tls_trust_set_get(const struct tls_load *load)
{
    return (struct tls_trust_set *)tls_shared_get(&kind, load, NULL);
}

static bool
is_loaded(const struct tls_load *load)
{
    struct tls_shared_item *item = tls_shared_find(&kind, load, NULL);

    tls_shared_put(item);
    return item != NULL;
}

struct tls_trust_loading *
tls_trust_set_begin(const struct tls_load *load)
{
    struct tls_trust_loading *loading;

    if (load->leg->verify == VERIFY_NONE || load->shared == NULL ||
        load->files == NULL || is_loaded(load))
        return NULL;
    loading = calloc(1, sizeof(*loading));
    if (loading == NULL)
        return NULL;
    loading->load = *load;
    loading->set = new_set(load);
    if (loading->set != NULL)
        loading->reading = tls_trust_reading_new(load, loading->set);
    if (loading->reading != NULL)
        return loading;
    tls_trust_set_abandon(loading);
    return NULL;
}

bool
tls_trust_set_step(struct tls_trust_loading *loading)
{
    return tls_trust_reading_step(loading->reading);
}

struct tls_trust_set *
tls_trust_set_finish(struct tls_trust_loading *loading)
{
    struct tls_shared_item *item = &loading->set->item;

    loading->set = NULL;
    item = tls_shared_add(&kind, &loading->load, NULL, item);
    tls_trust_set_abandon(loading);
    return (struct tls_trust_set *)item;
}

void
tls_trust_set_abandon(struct tls_trust_loading *loading)
{
    if (loading == NULL)
        return;
    tls_trust_reading_free(loading->reading);
    if (loading->set != NULL)
        free_set(&loading->set->item);
    free(loading);
}
