/*
 * Tries a new configuration whole in a child that then ends: what would go
 * wrong in the daemon goes wrong there.
 */
#ifndef ROLES_TRIAL_H
#define ROLES_TRIAL_H

#include <stdbool.h>

#include "base/base.h"
#include "base/error.h"

struct config;
struct sandbox_reach;

struct trial {
    int bundle_fd;
    int secrets_fd;   /* -1: the bundle has all */
    unsigned workers; /* sockets for each TCP address */
    int scout_fd;     /* a worker's end of its channel; -1: no scout */
    bool strict;      /* only certificates have changed, and those that have
                       * expired are faults */

    /* Of trial_load(). */
    struct config *config; /* NULL: it cannot be loaded */
    struct error error;
};

/* Loads the bundle, and says what trying it takes, before this process is
 * confined to that: the master has parsed the same text. */
void trial_load(struct trial *trial, struct sandbox_reach *reach);

/* Hears through `fd`, which it takes, which sockets the master has.
 * Then makes every TLS context of what has been loaded, has
 * the scout look every name up once, and binds what is not bound yet; tells the
 * master of every socket (MESSAGE_BOUND, MESSAGE_WANTED), every fault, and the
 * verdict.  Takes what `trial` holds.  Returns the exit code. */
int trial_run(struct trial *trial, int fd);

#endif
