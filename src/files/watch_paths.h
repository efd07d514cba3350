/* The paths that are watched, and what each led to when it was last looked at. */
#ifndef FILES_WATCH_PATHS_H
#define FILES_WATCH_PATHS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

struct watched {
    char *path;
    uint64_t stamp; /* watch_stamp.h */
    bool stamped;
    bool silent; /* the file system has not answered */
};

struct watch_paths {
    struct watched *items; /* in order, each path once */
    size_t count;
};

/* Copies the paths; one that is in `before` keeps what is known of it.  False:
 * out of memory. */
NODISCARD bool watch_paths_make(struct watch_paths *made, char *const *paths,
    size_t count, const struct watch_paths *before);
void watch_paths_clear(struct watch_paths *paths);

/* Notes a new stamp.  True: the path had none, or another one. */
bool watch_paths_note(
    struct watch_paths *paths, size_t index, uint64_t stamp);

#endif
