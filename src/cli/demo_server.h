/*
 * What stands behind the demo's relay: a server that answers HTTP with a short
 * page, and sends everything else back as it came.
 */
#ifndef CLI_DEMO_SERVER_H
#define CLI_DEMO_SERVER_H

#include <sys/types.h>

#include <stdbool.h>

#include "base/base.h"

/* Serves on `listening`, a listening non-blocking socket, until `lifeline`
 * comes to its end.  `page` is the text that HTTP gets; `parent`, which the
 * relay runs in, is stopped when the terminal closes.  False: it could not
 * begin. */
NODISCARD bool demo_server_run(
    int listening, int lifeline, pid_t parent, const char *page);

#endif
