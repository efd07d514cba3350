/*
 * One look at files, by a process of its own: a file system that does not answer
 * (NFS, FUSE) holds up that process and not the master.
 */
#ifndef FILES_WATCH_LOOK_H
#define FILES_WATCH_LOOK_H

#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

struct event_base;
struct watch_look;

/* The process is gone: all paths have been looked at, or it was killed at one.
 * May free the look. */
typedef void watch_look_ended_fn(struct watch_look *look, void *arg);

/* Stamps the paths, in their order.  The process ends after that many seconds
 * at the latest, unless the file system cannot be interrupted, and with the
 * master.  Whose waitpid(2) reaps it, is the caller's to see to.  NULL: errno
 * says why. */
NODISCARD struct watch_look *watch_look_start(struct event_base *base,
    char *const *paths, size_t count, unsigned seconds,
    watch_look_ended_fn *ended, void *arg);

/* The process goes on, and `ended` is not called. */
void watch_look_free(struct watch_look *look);

/* How many paths have been looked at so far, and their stamps, which are the
 * look's. */
size_t watch_look_stamps(
    const struct watch_look *look, const uint64_t **stamps);

#endif
