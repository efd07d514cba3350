/*
 * The path of a unix socket that is about to be made.
 */
#ifndef NET_UNIX_PATH_H
#define NET_UNIX_PATH_H

#include <stdbool.h>

#include "base/base.h"

/* Why a path cannot be had, in words. */
struct unix_path_fault {
    const char *what;
    const char *advice; /* "" or what to do, with "; " in front */
};

/* Makes way for a socket at `path` ('@' first: the abstract namespace, which
 * needs nothing).  The socket of a dead server would keep every restart after a
 * crash from succeeding, so it is removed; nothing else ever is.  False: the
 * path cannot be had, `*fault` says why and errno is set. */
NODISCARD bool unix_path_clear(
    const char *path, struct unix_path_fault *fault);

#endif
