/*
 * The secrets of session tickets as workers have them: of the file that [global]
 * ticket_secret names, which is watched, or one that this daemon made.
 *
 * The file stays out of the configuration's own: keepers and trials, which seal no
 * ticket, never see it.
 */
#ifndef MASTER_TICKET_SECRET_H
#define MASTER_TICKET_SECRET_H

#include <stdbool.h>

#include "base/base.h"
#include "tls/tls_secret.h"

struct children;
struct config;
struct error;
struct event_base;
struct generations;
struct watch;

/* All is borrowed. */
struct ticket_secret_parts {
    struct event_base *base;
    const struct children *children;
    const struct generations *generations;
    const struct tls_secret *own; /* where no file is named */
};

struct ticket_secret {
    struct ticket_secret_parts parts;
    struct tls_ticket_secrets now; /* in force; a worker starts with it */
    struct watch *watch;           /* NULL: there is no file, or watch = no */
};

/* Reads what is to be in force with a configuration.  False: `error` says why. */
NODISCARD bool ticket_secret_prepare(const struct ticket_secret *secret,
    const struct config *config, struct tls_ticket_secrets *next,
    struct error *error);

/* Puts `next` in force, in every worker. */
void ticket_secret_commit(
    struct ticket_secret *secret, const struct tls_ticket_secrets *next);

/* Watches the file of that configuration, or none.  Without memory the file is not
 * watched, which is logged. */
void ticket_secret_watch(
    struct ticket_secret *secret, const struct config *config);

/* Watches nothing any more, and forgets the secrets. */
void ticket_secret_stop(struct ticket_secret *secret);

#endif
