#include "tls/tls_pairs_ahead.h"

#include <stdlib.h>

#include "files/files.h"
#include "tls/tls_cert_paths.h"
#include "tls/tls_certkey.h"
#include "tls/tls_load.h"
#include "tls/tls_shared.h"

struct tls_pairs_ahead {
    struct tls_load load;
    struct tls_cert_paths paths;
    struct tls_shared_item **items; /* as many as there are paths, or fewer */
    size_t next;                    /* path */
    size_t count;                   /* of items */
};

struct tls_pairs_ahead *
tls_pairs_ahead_new(const struct tls_load *load)
{
    struct tls_pairs_ahead *ahead =
        load->signer != NULL ? calloc(1, sizeof(*ahead)) : NULL;

    if (ahead == NULL)
        return NULL;
    ahead->load = *load;
    if (tls_cert_paths_find(load->files, load->leg, &ahead->paths))
        ahead->items = calloc(ahead->paths.count + 1, sizeof(*ahead->items));
    if (ahead->items != NULL)
        return ahead;
    tls_cert_paths_clear(&ahead->paths);
    free(ahead);
    return NULL;
}

bool
tls_pairs_ahead_step(struct tls_pairs_ahead *ahead)
{
    const struct tls_cert_path *path;
    struct tls_shared_item *item;

    if (ahead == NULL || ahead->next == ahead->paths.count)
        return false;
    path = &ahead->paths.items[ahead->next++];
    if (files_is_left_out(ahead->load.files, path->cert))
        return true;
    item = tls_certkey_get(&ahead->load, path);
    if (item != NULL)
        ahead->items[ahead->count++] = item;
    return true;
}

void
tls_pairs_ahead_free(struct tls_pairs_ahead *ahead)
{
    if (ahead == NULL)
        return;
    for (size_t i = 0; i < ahead->count; i++)
        tls_shared_put(ahead->items[i]);
    free(ahead->items);
    tls_cert_paths_clear(&ahead->paths);
    free(ahead);
}
