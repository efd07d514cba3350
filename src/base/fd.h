/* File descriptors: their flags, and how many there may be. */
#ifndef BASE_FD_H
#define BASE_FD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

NODISCARD bool fd_is_open(int fd);

/* False: errno says why. */
NODISCARD bool fd_set_nonblocking(int fd);
NODISCARD bool fd_is_nonblocking(int fd);
NODISCARD bool fd_set_cloexec(int fd);

/* Raises RLIMIT_NOFILE (getrlimit(2)) to at least `need`: the soft limit, and
 * the hard one too if that is lower and we may.  True: `*have` is the limit
 * now.  False: nothing was changed and `*have` is the hard limit, the most that
 * we can have without more privilege. */
NODISCARD bool fd_limit_raise(uint64_t need, uint64_t *have);

#endif
