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
 * starting go to stderr.  Returns the exit code: EX_CONFIG (sysexits.h(3head))
 * for a fault of the configuration.  `*loaded` is false if its text was at fault,
 * or an account in it. */
NODISCARD int master_run(const struct config_source *source, bool *loaded);

#endif
