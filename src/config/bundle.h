/*
 * Answers about files, packed into one piece of sealed memory that another
 * process maps: nobody can change it after it was checked.
 *
 * A head, then records one behind the other, each with its path and data.
 * There are no offsets, so nothing can overlap.  Numbers are the machine's own:
 * who packs and who reads are the same program.
 */
#ifndef CONFIG_BUNDLE_H
#define CONFIG_BUNDLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

struct error;
struct file_table;

#define BUNDLE_MAGIC "sallypt1"

enum { BUNDLE_RECORDS_MAX = 1 << 20, BUNDLE_SECRET = 1 };

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
};

struct bundle_map {
    void *memory;           /* NULL: none */
    size_t length;
};

/* A sealed memfd that closes on exec, the caller's to close.  -1: `error` says
 * why. */
NODISCARD int bundle_write(const struct file_table *table,
    struct error *error);

/* Maps the memory behind `fd`, which the caller keeps, and fills an empty
 * table with answers that point into it.  Believes nothing of it.  False:
 * `error` says why, and nothing is mapped. */
NODISCARD bool bundle_open(int fd, struct bundle_map *map,
    struct file_table *table, struct error *error);

/* The table must have been cleared before. */
void bundle_close(struct bundle_map *map);

#endif
