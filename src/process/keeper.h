/*
 * The keeper: a process that alone holds the private keys, and signs for the
 * workers.  It has no network and no files.
 */
#ifndef PROCESS_KEEPER_H
#define PROCESS_KEEPER_H

#include "base/base.h"

/* One keeper serves so many workers: an RSA signature costs about as much as
 * the rest of a handshake. */
enum { KEEPER_WORKERS = 2 };

/* Its main function; see spawn.h.  Serves until the master lets it go, or the
 * master and all its workers are gone. */
int keeper_run(void *arg, unsigned slot, int fd);

#endif
