/*
 * Tells when files have changed, by inotify(7), from the event loop.
 *
 * A path is watched along the whole way to its file: the directory of each
 * symbolic link on it and of what the last one leads to, for a certificate is
 * renewed by a switched link as often as by a new file; and the directories on
 * the way, which may be renamed as a whole.  A directory is watched itself, and
 * its files count.  What is missing is waited for where it would be made.
 */
#ifndef PROCESS_WATCH_H
#define PROCESS_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

struct event_base;
struct watch;

/* At least one path now leads to something else: another file, another size, a
 * later change, other rights, or nothing.  It has been quiet for 300 ms since,
 * or not for 2 s.  What follows is told anew, so read the files within or after
 * the call.  May call watch_set() and watch_free(). */
typedef void watch_changed_fn(void *arg);

/* NULL: out of memory.  Where the kernel will watch no more, or not all, that
 * is warned of once, and files are looked at every 30 s instead. */
NODISCARD struct watch *watch_new(
    struct event_base *base, watch_changed_fn *changed, void *arg);
void watch_free(struct watch *watch);

/* Watches these paths from now on and no others.  A path that was watched before
 * is compared with what it was then: nothing is missed between a call of
 * `changed` and this one.  A path that is new is compared with what it is now.
 * False: out of memory, the old ones are still watched. */
NODISCARD bool watch_set(
    struct watch *watch, char *const *paths, size_t count);

/* Another time than 30 s: for tests. */
void watch_set_polling(struct watch *watch, uint64_t polling_ms);

#endif
