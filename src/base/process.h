/* Child processes: their start, and their end in words. */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

#include <sys/types.h>

#include "base/base.h"

/* fork(2), with all signals blocked in the child until it unblocks them: handlers
 * that it has inherited would wake the parent's event loop, through the pipe that
 * both share. */
NODISCARD pid_t process_fork(void);

/* Writes what wait(2) says of an end in words such as "died by signal 11
 * (Segmentation fault)"; returns `text`. */
enum { PROCESS_STATUS_SIZE = 96 };
const char *process_status(int status, char text[PROCESS_STATUS_SIZE]);

#endif
