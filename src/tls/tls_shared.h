/*
 * What the contexts of one process have in common: trust and certificates that
 * several legs name are read and kept once.
 *
 * An item is found by what the options say and by the contents of the files
 * that they name.  Where these have changed there is a new item, and contexts
 * that were made before keep theirs.
 */
#ifndef TLS_TLS_SHARED_H
#define TLS_TLS_SHARED_H

#include <sys/queue.h>

#include <openssl/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

struct files;
struct strings;
struct tls_load;
struct tls_shared;
struct tls_shared_kind;

/* The first member of all that is shared. */
struct tls_shared_item {
    const struct tls_shared_kind *kind;
    struct tls_shared *shared; /* NULL: found by no other leg */
    LIST_ENTRY(tls_shared_item) entry;
    unsigned references;
    uint32_t name; /* of its kind's hash() */
    struct files *files; /* a reference: the latest that say what it is */
};

struct tls_shared_kind {
    /* Of what the options say; what is the same has the same. */
    uint32_t (*hash)(const struct tls_load *load, const void *what);
    /* Whether the leg's options, and what load->files says of the paths that
     * these name, are those of the item; `what` is the caller's. */
    bool (*matches)(const struct tls_shared_item *item,
        const struct tls_load *load, const void *what);
    /* NULL: out of memory. */
    struct tls_shared_item *(*load)(
        const struct tls_load *load, const void *what);
    void (*free)(struct tls_shared_item *item);
};

/* With `keeps` every item stays until the end, for a process that loads once:
 * otherwise an item goes with its last reference.  NULL: out of memory. */
NODISCARD struct tls_shared *tls_shared_new(bool keeps);

/* Items that are referred to remain, for those alone that have them. */
void tls_shared_free(struct tls_shared *shared);

/* How many items there are, and how many were ever loaded. */
size_t tls_shared_count(const struct tls_shared *shared);
size_t tls_shared_loaded(const struct tls_shared *shared);

/* The item that load->shared has, or a new one, with a reference for the
 * caller.  A leg without load->shared, or whose files are not kept, gets one
 * of its own.  NULL: out of memory. */
NODISCARD struct tls_shared_item *tls_shared_get(
    const struct tls_shared_kind *kind, const struct tls_load *load,
    const void *what);

/* In two parts: the item that load->shared has (NULL: none), and a new one that
 * the caller has loaded, which it takes; each with a reference for the
 * caller. */
NODISCARD struct tls_shared_item *tls_shared_find(
    const struct tls_shared_kind *kind, const struct tls_load *load,
    const void *what);
NODISCARD struct tls_shared_item *tls_shared_add(
    const struct tls_shared_kind *kind, const struct tls_load *load,
    const void *what, struct tls_shared_item *item);

/* Notes that a file of a directory or pattern is left out, for what is wrong with
 * it.  NULL for `shared` is none of anybody's; out of memory is ignored. */
void tls_shared_leave_out(struct tls_shared *shared, const char *path);

/* The files that were left out, each once. */
const struct strings *tls_shared_left_out(const struct tls_shared *shared);

/* One more reference.  Returns `item`. */
struct tls_shared_item *tls_shared_ref(struct tls_shared_item *item);

/* NULL is left as it is. */
void tls_shared_put(struct tls_shared_item *item);

/* Has the SSL_CTX refer to the item for as long as it lives.  False: out of
 * memory. */
NODISCARD bool tls_shared_attach(SSL_CTX *ctx, struct tls_shared_item *item);

#endif
