/* What a path leads to, as one number that differs once that has changed. */
#ifndef PROCESS_WATCH_STAMP_H
#define PROCESS_WATCH_STAMP_H

#include <stdint.h>

/* Of a file: device, inode, size, time of the last change, owner and rights; of
 * a directory the same for each file in it, with its name.  Reads no contents.
 * Nothing there has its own number. */
uint64_t watch_stamp(const char *path);

#endif
