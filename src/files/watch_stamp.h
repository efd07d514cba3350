/* What a path leads to, as one number that differs once that has changed. */
#ifndef FILES_WATCH_STAMP_H
#define FILES_WATCH_STAMP_H

#include <stdint.h>

/* Of a file: device, inode, size, times of its last change (its own and
 * the inode's, which nothing sets back: stat(2)), owner and rights; of a
 * directory the same for each file in it, with its name; of a pattern of glob(7)
 * the same for all that it matches.  Follows links.  Reads
 * no contents.  Nothing there is 0.  Waits as long as the file system does. */
uint64_t watch_stamp(const char *path);

#endif
