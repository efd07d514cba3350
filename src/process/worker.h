/*
 * A worker: a process with one event loop that accepts, speaks TLS and relays.
 * All that its loop touches hangs from one `struct worker`.
 */
#ifndef PROCESS_WORKER_H
#define PROCESS_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

struct board;
struct tls_secret;

/* What it is born with; all else the master tells it. */
struct worker_seed {
    struct board *board;
    const struct tls_secret *secret;
    bool keeps_no_keys; /* a keeper has them */
    unsigned number;
    uint64_t pulse_ms; /* struct pulse_seed's every_ms */
    int inbox_fd; /* where connections come in that others accepted */
};

/* Its main function; see spawn.h.  Serves until the master tells it to stop,
 * or is gone: then what it carries is finished first. */
int worker_run(void *seed, unsigned slot, int fd);

#endif
