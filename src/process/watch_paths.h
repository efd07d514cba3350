/* The paths that are watched, and what each led to when it was last looked at. */
#ifndef PROCESS_WATCH_PATHS_H
#define PROCESS_WATCH_PATHS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

struct watched {
    char *path;
    uint64_t stamp; /* watch_stamp.h */
    bool stamped;
};

struct watch_paths {
    struct watched *items; /* in order, each path once */
    size_t count;
};

/* Copies the paths; one that is in `before` keeps its stamp.  False: out of
 * memory. */
NODISCARD bool watch_paths_make(struct watch_paths *made, char *const *paths,
    size_t count, const struct watch_paths *before);
void watch_paths_clear(struct watch_paths *paths);

/* Stamps all.  True: one that had a stamp has another one now. */
bool watch_paths_stamp(struct watch_paths *paths);

/* Stamps those that have none. */
void watch_paths_stamp_new(struct watch_paths *paths);

#endif
