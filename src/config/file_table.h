/* Answers about files, found by kind and path. */
#ifndef CONFIG_FILE_TABLE_H
#define CONFIG_FILE_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "config/file_answer.h"

/* Zero-initialise before use.  The items are in the order of adding. */
struct file_table {
    struct file_answer **items;
    size_t count;
    uint32_t *slots;        /* by hash: an item's index + 1, 0 for none */
    size_t slot_count;      /* a power of two, more than count; or 0 */
};

/* NULL: there is none. */
struct file_answer *file_table_find(const struct file_table *table,
    enum file_kind kind, const char *path);

/* Takes the answer, which replaces (and frees) one to the same question.
 * False: out of memory, nothing was taken. */
NODISCARD bool file_table_add(struct file_table *table,
    struct file_answer *answer);

void file_table_clear(struct file_table *table);

#endif
