/*
 * A worker: one event loop that accepts, speaks TLS and relays.  All that its
 * loop touches hangs from one `struct worker`.
 */
#ifndef PROCESS_WORKER_H
#define PROCESS_WORKER_H

#include <stdbool.h>

#include "base/base.h"

struct config;
struct error;
struct worker;

/* Loads every certificate, binds every address, resolves every name once and
 * raises the descriptor limit to what the configuration needs; every fault is
 * added to `error`, and then nothing stays half-started.  NULL: at least one
 * fault. */
NODISCARD struct worker *worker_new(
    struct config *config, struct error *error);
void worker_free(struct worker *worker);

/* Serves until SIGTERM or SIGINT, then lets the connections finish, up to the
 * drain timeout or a second signal.  SIGUSR1 opens the log file anew. */
void worker_run(struct worker *worker);

#endif
