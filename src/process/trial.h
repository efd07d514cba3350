/*
 * Tries a new configuration whole in a child that then ends: what would go
 * wrong in the daemon goes wrong there.
 */
#ifndef PROCESS_TRIAL_H
#define PROCESS_TRIAL_H

#include <stdbool.h>

#include "base/base.h"

struct sockets;

struct trial {
    int bundle_fd;
    int secrets_fd;          /* -1: the bundle has all */
    unsigned workers;        /* sockets for each TCP address */
    struct sockets *sockets; /* a copy of the master's, for it is forked */
    bool strict;             /* only certificates have changed, and those that
                                have expired are faults */
};

/* Loads the bundle, makes every TLS context, binds what is not bound yet and
 * looks every name up once; tells the master through `fd`, which it takes, of
 * every socket (MESSAGE_BOUND), every fault, and the verdict.  `arg` is a
 * struct trial.  Returns the exit code. */
int trial_run(void *arg, unsigned slot, int fd);

#endif
