/*
 * Answers about files, packed into one piece of sealed memory that another
 * process maps: no process can change it after it was checked.
 *
 * A head, then records one behind the other, each with its path and data.
 * There are no offsets, so nothing can overlap.  Numbers are the machine's own:
 * packer and reader are the same program.
 */
#ifndef FILES_BUNDLE_H
#define FILES_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "files/file_entry.h"

struct error;
struct file_cache;

#define BUNDLE_MAGIC "sallypt2"

enum { BUNDLE_RECORDS_MAX = 1 << 20 };

/* Flags of a record. */
enum {
    BUNDLE_SECRET = 1,
    BUNDLE_PRINTED = 2,     /* a secret with a print */
    BUNDLE_APART = 4,       /* such a one that is whole in another bundle */
    BUNDLE_FLAGS = 7
};

/* All of it, head included. */
#define BUNDLE_BYTES_MAX MIB(1024)

struct bundle_head {
    char magic[8];
    uint64_t length;        /* of the whole bundle */
    uint32_t records;
    uint32_t zero;
};

/* The path follows, with its NUL, then the data. */
struct bundle_record {
    uint32_t kind;          /* enum file_kind */
    uint32_t result;        /* enum file_result */
    uint32_t why;
    uint32_t mode;
    uint32_t flags;
    uint32_t path_length;   /* without the NUL */
    uint64_t size;
    uint64_t data_length;
    unsigned char print[FILE_PRINT_BYTES];      /* zeros if there is none */
};

struct bundle_map {
    void *memory;           /* NULL: none */
    size_t length;
};

enum bundle_part {
    BUNDLE_ALL,
    BUNDLE_SECRETS          /* those that are whole: each learns where */
};

/* A sealed memfd that closes on exec, the caller's to close.  -1: `error` says
 * why. */
NODISCARD int bundle_write(const struct file_cache *table,
    enum bundle_part part, struct error *error);

/* Maps the memory behind `fd`, which the caller keeps, and fills an empty
 * table with answers that point into it.  Believes nothing of it.  False:
 * `error` says why, and nothing is mapped. */
NODISCARD bool bundle_open(int fd, struct bundle_map *map,
    struct file_cache *table, struct error *error);

/* The table must have been cleared before. */
void bundle_close(struct bundle_map *map);

#endif
