/* The way to a file: every directory in which a change can lead it elsewhere. */
#ifndef PROCESS_WATCH_WAY_H
#define PROCESS_WATCH_WAY_H

enum watch_way {
    WATCH_WAY_ENTRIES, /* what is in the directory counts */
    WATCH_WAY_ITSELF,  /* only that it stays where it is */
};

/* `directory` is absolute and goes through no link.  It may be a file: the last
 * one is what the path leads to, whatever that is. */
typedef void watch_way_fn(
    void *arg, const char *directory, enum watch_way way);

/* Follows the path as the kernel would, and ends where it cannot go on: in the
 * nearest directory that exists. */
void watch_way_walk(const char *path, watch_way_fn *found, void *arg);

#endif
