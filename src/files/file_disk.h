/* Asks the disk. */
#ifndef FILES_FILE_DISK_H
#define FILES_FILE_DISK_H

#include <stddef.h>

#include "base/base.h"
#include "files/file_entry.h"

/* Contents are those of regular files of up to `limit` bytes; a listing is
 * sorted, and without hidden names and links to a neighbour, as
 * openssl-rehash(1) makes them.  Never waits for another process.  NULL: out
 * of memory. */
NODISCARD struct file_entry *file_disk_ask(enum file_kind kind,
    const char *path, size_t limit);

#endif
