/*
 * The keeper: a process that alone holds the private keys, and signs for the
 * workers.  It has no network and no files.
 */
#ifndef PROCESS_KEEPER_H
#define PROCESS_KEEPER_H

#include "base/base.h"

/* What one worker may have asked for and not been answered yet; whoever asks
 * for more is not heard until there is room. */
enum { KEEPER_REQUESTS_MAX = 256 };

/* One keeper serves so many workers: an RSA signature costs about as much as
 * the rest of a handshake. */
enum { KEEPER_WORKERS = 2 };

/* Serves until the master says so or is gone.  Takes `fd`, the way to it.
 * Returns the exit code; what went wrong is logged. */
int keeper_run(void *arg, unsigned slot, int fd);

#endif
