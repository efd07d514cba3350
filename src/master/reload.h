/*
 * A new configuration in the place of the active one, as the operator asks for it,
 * and what the log says of it.
 */
#ifndef MASTER_RELOAD_H
#define MASTER_RELOAD_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "admin/status_facts.h"
#include "base/base.h"
#include "base/error.h"
#include "tls/tls_secret.h"

struct children;
struct config;
struct config_source;
struct generations;
struct listen_table;
struct log_prepared;
struct rollout;
struct ticket_secret;

/* All is borrowed. */
struct reload_parts {
    const struct config_source *source;
    const struct generations *generations;
    const struct children *children;
    struct rollout *rollout;
    struct ticket_secret *tickets;

    /* A reload has ended: nothing in `error`, which is borrowed: the new
     * configuration is active. */
    void (*done)(void *arg, const struct error *error);
    void *arg;
};

struct reload {
    struct reload_parts parts;
    struct log_prepared *next_log; /* NULL: the log stays as it is */
    struct tls_ticket_secrets next_tickets;

    /* How the last one ended. */
    enum status_reload state;
    time_t ended_s; /* by the calendar */
    char text[512];
    struct error warnings; /* of the new configuration */
};

/* Begins a reload; no other change may be under way. */
void reload_begin(struct reload *reload);

/* Drops what one that did not end has prepared. */
void reload_clear(struct reload *reload);

/* What the client that has asked for a reload is told when it is done: all of
 * what the log was warned of, as far as there is room. */
void reload_answer(const struct reload *reload, char *text, size_t size);

/* Logs the listening sockets that have not been logged before. */
void reload_log_sockets(
    struct listen_table *sockets, const struct config *config);

/* Has the children log as `config` and the master's own log say now. */
void reload_send_log(
    const struct children *children, const struct config *config);

#endif
