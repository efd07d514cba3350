/* The inside of `struct files`, for the files that are files_*.c. */
#ifndef CONFIG_FILES_PARTS_H
#define CONFIG_FILES_PARTS_H

#include <stdbool.h>

#include "base/base.h"
#include "config/bundle.h"
#include "config/file_table.h"
#include "config/files.h"

struct files {
    unsigned references;
    struct file_table table;
    struct bundle_map map;      /* that the table's answers point into */
    struct bundle_map secrets_map;      /* so too */
    bool on_disk;               /* what the table lacks */
    int secrets_fd;             /* of what was parted; -1: nothing */
    files_print_fn *print;      /* of secrets; NULL: there are no prints */
    void *print_arg;
};

/* Fills the answers that are apart with what the bundle of secrets says, which
 * must be all of them and nothing else.  False: `error` says why. */
NODISCARD bool files_join_secrets(struct files *files, int secrets_fd,
    struct error *error);

/* A copy of an answer of `files`, with its secrets if these are at hand.
 * NULL: out of memory. */
NODISCARD struct file_answer *files_copy_whole(const struct files *files,
    const struct file_answer *answer);

#endif
