/*
 * `check --connect`: whether the servers of a configuration are there, and their TLS
 * is what the configuration expects.
 *
 * The daemon's own connector, contexts and handshake do that, in this process, which
 * becomes the account of the workers first.  Of the private keys it keeps those alone
 * that servers may ask for.
 */
#ifndef CLI_CHECK_CONNECT_H
#define CLI_CHECK_CONNECT_H

#include <stdbool.h>

#include "base/base.h"

struct check_connect;
struct config;
struct error;
struct service;

/* Takes what it needs of the services, one for each of the configuration, which may
 * be freed then; `config` must outlive it.  NULL: out of memory, as `error` says. */
NODISCARD struct check_connect *check_connect_new(struct config *config,
    struct service *const *services, struct error *error);

/* Probes every server.  Prints a line for each that is good, unless `quiet`; others
 * are added to `error`, but for a name that does not resolve where the service has
 * other servers: that is warned of, as at a start.  Takes `check`.  Once all else of
 * the configuration's keys has been freed: it wipes the files that have them. */
void check_connect_run(
    struct check_connect *check, bool quiet, struct error *error);

#endif
