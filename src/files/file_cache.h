/* Answers about files, found by kind and path. */
#ifndef FILES_FILE_CACHE_H
#define FILES_FILE_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "files/file_entry.h"

/* Zero-initialise before use.  The items are in the order of adding. */
struct file_cache {
    struct file_entry **items;
    size_t count;
    uint32_t *slots;        /* by hash: an item's index + 1, 0 for none */
    size_t slot_count;      /* a power of two, more than count; or 0 */
};

/* NULL: there is none. */
struct file_entry *file_cache_find(const struct file_cache *table,
    enum file_kind kind, const char *path);

/* Takes the answer, which replaces (and frees) one to the same question.
 * False: out of memory, nothing was taken. */
NODISCARD bool file_cache_add(struct file_cache *table,
    struct file_entry *answer);

void file_cache_clear(struct file_cache *table);

#endif
