/*
 * Paths, which may be written in many ways: /run/x, /run//x, /var/run/x where
 * /var/run is a link to /run.
 */
#ifndef CONFIG_CONFIG_PLACE_H
#define CONFIG_CONFIG_PLACE_H

#include "base/base.h"

struct files;

/* The absolute name of the directory that a file is in, allocated.  NULL: it
 * does not exist, or no memory. */
char *config_place_directory(struct files *files, const char *path);

/* The same for each way in which the path of a unix socket may be written.  A link
 * at its end is not followed, as it is not when a socket is bound.  `files` (NULL:
 * the disk) are asked for the directory; in one that is not there yet only the
 * writing counts.  The caller frees it; NULL: no memory. */
NODISCARD char *config_place_of_path(struct files *files, const char *path);

#endif
