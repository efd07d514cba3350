/*
 * The master: the first process.  It reads the configuration, holds the
 * listening sockets, starts the others and sees to every change; it touches no
 * client byte.
 */
#ifndef MASTER_MASTER_H
#define MASTER_MASTER_H

#include <stdbool.h>

#include "base/base.h"
#include "master/config_source.h"

/* Serves in the foreground until it is told to stop.  Faults that keep it from
 * starting go to stderr.  Returns the exit code; `*loaded` (may be NULL) is
 * false if it was the configuration's text that was at fault. */
NODISCARD int master_run(const struct config_source *source, bool *loaded);

#endif
