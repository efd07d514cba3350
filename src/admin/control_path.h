/*
 * Where the control socket is, and both of its ends.
 *
 * The path follows from the name of the configuration file, so that `sallyport
 * status -c FILE` finds the daemon that runs with FILE without being told more,
 * even while FILE is broken.
 */
#ifndef ADMIN_CONTROL_PATH_H
#define ADMIN_CONTROL_PATH_H

#include <stdbool.h>

#include "base/base.h"

struct error;

/* The path for the configuration file `config` (NULL: there is none) and what
 * the option `control` says: a path, "auto" or "none".  The caller frees it.
 * NULL: there is no control socket ("none", or "auto" without a file), or no
 * memory, which alone is added to `error`. */
NODISCARD char *control_path(
    const char *config, const char *control, struct error *error);

/* A listening socket at `path`, non-blocking, mode 0600.  The folder of an
 * automatic path is made if it is missing, and refused if another user could
 * change what is in it; the folder of a path that was written out is the
 * operator's.  -1: the reason is added to `error`. */
NODISCARD int control_listen(const char *path, struct error *error);

/* Removes the path of a socket that has been closed, unless another server has
 * it by now. */
void control_remove(const char *path);

/* A connection to the daemon at `path`, blocking.  -1: no server there, or one
 * that runs neither as root nor as us nor as the user root gave its folder to,
 * so that no other user can answer in the daemon's place; the reason is added
 * to `error`.  `advice` ("" or what to look at, with "; " in front) ends the
 * message that no server is there. */
NODISCARD int control_connect(
    const char *path, const char *advice, struct error *error);

#endif
