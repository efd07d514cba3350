/*
 * The one file that the demo leaves where others can read it: the authority's
 * certificate, which clients need by name.
 */
#ifndef CLI_DEMO_FILE_H
#define CLI_DEMO_FILE_H

#include "base/base.h"

struct error;

/* Makes the file, which only this user can read, in TMPDIR or /tmp; once in a
 * process.  From here until demo_file_remove() SIGINT and SIGTERM end the
 * process with exit code 0 and without the file, while no event loop has its
 * own mind about them.  Returns a descriptor; -1: the reason is in `error`. */
NODISCARD int demo_file_make(struct error *error);

/* The file's name, which a shell takes as it is. */
const char *demo_file_path(void);

void demo_file_remove(void);

#endif
