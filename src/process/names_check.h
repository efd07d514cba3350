/*
 * A first look at the servers' names, so that a misspelt one is found at start
 * and the first client need not wait for the DNS.
 */
#ifndef PROCESS_NAMES_CHECK_H
#define PROCESS_NAMES_CHECK_H

#include <stdbool.h>

#include "base/base.h"

struct config;
struct error;
struct loop;
struct resolver;

/* Runs the loop for a few seconds at the most.  False: the DNS says that a name
 * does not exist; each is added to `error`.  A DNS that does not answer is only
 * warned of: it may be back when a client comes. */
NODISCARD bool names_check(struct loop *loop, struct resolver *resolver,
    const struct config *config, struct error *error);

#endif
