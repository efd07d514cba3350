/*
 * A new configuration in the place of the active one, as the operator asks for it,
 * and what the log says of it.
 */
#ifndef MASTER_RELOAD_H
#define MASTER_RELOAD_H

#include <stdint.h>
#include <time.h>

#include "admin/status_facts.h"
#include "base/base.h"

struct children;
struct config;
struct config_source;
struct error;
struct generations;
struct listen_table;
struct log_prepared;
struct rollout;

/* All is borrowed. */
struct reload_parts {
    const struct config_source *source;
    const struct generations *generations;
    const struct children *children;
    struct rollout *rollout;

    /* A reload has ended: nothing in `error`, which is borrowed: the new
     * configuration is active. */
    void (*done)(void *arg, const struct error *error);
    void *arg;
};

struct reload {
    struct reload_parts parts;
    struct log_prepared *next_log; /* NULL: the log stays as it is */

    /* How the last one ended. */
    enum status_reload state;
    time_t ended_s; /* by the calendar */
    char text[512];
};

/* Begins a reload; no other change may be under way. */
void reload_begin(struct reload *reload);

/* Drops what one that did not end has prepared. */
void reload_clear(struct reload *reload);

/* Logs the listening sockets that have not been logged before. */
void reload_log_sockets(
    struct listen_table *sockets, const struct config *config);

/* Has the children log as `config` and the master's own log say now. */
void reload_send_log(
    const struct children *children, const struct config *config);

#endif
