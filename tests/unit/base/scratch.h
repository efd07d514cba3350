/* A folder of its own for a test, and what ended up in its files. */
#ifndef BASE_SCRATCH_H
#define BASE_SCRATCH_H

#include <stddef.h>

#include "base/log.h"

/* Makes the folder; `name` in it is the path of the result, valid until the
 * test ends. */
const char *scratch_path(const char *name);

/* Removes the folder and what is in it. */
void scratch_remove(void);

/* Has the log written to the file "log" in the folder; log_close() ends it. */
void scratch_log_open(enum log_level level);

/* The file's text; the caller frees it.  NULL: cannot be read. */
char *scratch_read(const char *path);

/* What can be read from `fd` now, as text in `text`. */
const char *scratch_drain(int fd, char *text, size_t size);

/* A bound datagram socket. */
int scratch_listen(const char *path);

#endif
