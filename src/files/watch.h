/*
 * Tells when files have changed, by a look at them every two seconds, from the
 * event loop.
 *
 * A process of its own looks (watch_look.h): a file system that does not answer
 * holds up no other process.  A path on such a file system is reported and left
 * out, until a process that tries this path alone has an answer.
 */
#ifndef FILES_WATCH_H
#define FILES_WATCH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

struct event_base;
struct strings;
struct watch;

/* At least one path leads to something else than at the last look (another file,
 * another size, a later change, other rights, or nothing), or is looked at for
 * the first time.  It has stayed so for 300 ms since, or has gone on changing
 * for 2 s.  What follows is told anew, so read the files within or after the
 * call.  May call watch_set() and watch_free(). */
typedef void watch_changed_fn(void *arg);

/* NULL: out of memory. */
NODISCARD struct watch *watch_new(
    struct event_base *base, watch_changed_fn *changed, void *arg);
void watch_free(struct watch *watch);

/* Watches these paths from now on and no others.  A path that was watched before
 * is compared with what it was then: nothing is missed between a call of
 * `changed` and this one.  After one that is new `changed` is called: nothing is
 * missed since a time before this call.  False: out of memory, the old ones are
 * still watched. */
NODISCARD bool watch_set(
    struct watch *watch, char *const *paths, size_t count);

/* Adds to `paths` those whose file system does not answer: to open one would
 * hold up the caller.  False: out of memory. */
NODISCARD bool watch_silent(const struct watch *watch, struct strings *paths);

/* Other times than two seconds from one look to the next, and ten for a file
 * system to answer in: for tests. */
void watch_set_times(struct watch *watch, unsigned look_ms, unsigned patience_s);

#endif
