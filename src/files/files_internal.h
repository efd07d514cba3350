/* The inside of `struct files`, for the files that are files_*.c. */
#ifndef FILES_FILES_INTERNAL_H
#define FILES_FILES_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "files/bundle.h"
#include "files/file_cache.h"
#include "files/files.h"

struct files {
    unsigned references;
    struct file_cache table;
    struct bundle_map map;      /* that the table's answers point into */
    struct bundle_map secrets_map;      /* so too */
    bool on_disk;               /* what the table lacks */
    uint64_t version;           /* of the table: another one for each change */
    int secrets_fd;             /* of what was parted; -1: nothing */
    files_print_fn *print;      /* of secrets; NULL: there are no prints */
    void *print_arg;
};

/* Without any answer, with one reference.  NULL: out of memory. */
NODISCARD struct files *files_new(bool on_disk);

/* To be called whenever an answer comes, goes or changes. */
void files_changed(struct files *files);

/* A copy of an answer of `files`, with its secrets if these are at hand.
 * NULL: out of memory. */
NODISCARD struct file_entry *files_copy_whole(const struct files *files,
    const struct file_entry *answer);

#endif
