/* The inside of `struct files`, for the files that are files_*.c. */
#ifndef CONFIG_FILES_PARTS_H
#define CONFIG_FILES_PARTS_H

#include <stdbool.h>

#include "config/bundle.h"
#include "config/file_table.h"

struct files {
    unsigned references;
    struct file_table table;
    struct bundle_map map;      /* that the table's answers point into */
    bool on_disk;               /* what the table lacks */
};

#endif
