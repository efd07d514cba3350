/*
 * The keeper: a process that alone holds the private keys, and signs for the
 * workers.  It has no network and no files.
 */
#ifndef ROLES_KEEPER_H
#define ROLES_KEEPER_H

#include "base/base.h"

/* One keeper serves so many workers: an RSA signature costs about as much as
 * the rest of a handshake. */
enum { KEEPER_WORKERS = 2 };

/* Serves until the master lets it go, or the master and all its workers are
 * gone.  Takes `master_fd`, the channel to it.  Returns the exit code;
 * what went wrong is logged. */
int keeper_run(int master_fd);

#endif
