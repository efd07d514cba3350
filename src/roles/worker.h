/*
 * A worker: a process with one event loop that accepts, speaks TLS and relays.
 * All that its loop touches hangs from one `struct worker`.
 */
#ifndef ROLES_WORKER_H
#define ROLES_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

struct scoreboard;
struct tls_ticket_secrets;

/* What it is born with; all else the master tells it. */
struct worker_seed {
    struct scoreboard *board;
    struct tls_ticket_secrets *tickets;
    bool keeps_no_keys; /* a keeper has them */
    unsigned number;
};

/* A worker's main function; see spawn.h.  Serves until the master tells it to stop,
 * or is gone: then what it carries is finished first. */
int worker_run(void *seed, unsigned slot, int fd);

#endif
