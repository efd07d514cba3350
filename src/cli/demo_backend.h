/*
 * The demo's server as a child process, so that the relay's event loop is the
 * same that `run` has.
 */
#ifndef CLI_DEMO_BACKEND_H
#define CLI_DEMO_BACKEND_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

struct error;

struct demo_backend {
    pid_t pid;
    int lifeline; /* the child ends when this is closed, by whatever cause */
    uint16_t port;
};

/* To be called before anything secret is in memory: the child has a copy of
 * all of it.  It listens on a free port of 127.0.0.1.  False: the reason is in
 * `error`, nothing was started. */
NODISCARD bool demo_backend_start(
    struct demo_backend *backend, struct error *error);

/* Ends the child and waits for it. */
void demo_backend_stop(struct demo_backend *backend);

#endif
