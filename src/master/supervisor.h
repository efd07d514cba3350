/*
 * The supervisor keeps the daemon's processes: an instance for each worker, for
 * each keeper, one for the scout, one for the admin, and the links between them.
 */
#ifndef MASTER_SUPERVISOR_H
#define MASTER_SUPERVISOR_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "config/config.h"
#include "master/instance.h"
#include "master/names_files.h"
#include "roles/keeper.h"

struct account;
struct child;
struct children;
struct generations;
struct listen_table;
struct tls_ticket_secrets;
struct worker_pair;

enum { KEEPERS_MAX = (WORKERS_MAX + KEEPER_WORKERS - 1) / KEEPER_WORKERS };

/* A worker whose instance another one is about to take. */
struct replacement {
    bool pending;         /* nothing has been decided yet */
    struct child *worker; /* NULL: it has ended meanwhile */
};

/* What the supervisor works with; all is borrowed. */
struct supervisor_parts {
    struct children *children;
    const struct generations *generations;
    struct listen_table *sockets;
    const struct account *account;
    const struct account *keeper_account;
    const struct tls_ticket_secrets *tickets;
    bool keeps_keys; /* private keys are in keepers */

    /* Every instance that is wanted has a child that is ready
     * (supervisor_is_ready()); may run again and again. */
    void (*ready)(void *arg);
    void *arg;
};

struct supervisor {
    struct supervisor_parts parts;
    struct instance workers[WORKERS_MAX];
    struct instance keepers[KEEPERS_MAX];
    struct instance scout;
    struct instance admin;
    struct names_files names; /* the scout's */
    LIST_HEAD(, worker_pair) pairs; /* supervisor_pairs.c */
    struct replacement replacements[WORKERS_MAX]; /* by instance */
    unsigned count; /* of workers wanted */
    bool stopping;  /* children that end are not replaced */
    int control_fd; /* where the admin listens; -1: no control socket */
    char *control_path;
};

/* No process is started yet. */
void supervisor_init(struct supervisor *supervisor,
    const struct supervisor_parts *parts);

/* The supervisor's children must have ended. */
void supervisor_clear(struct supervisor *supervisor);

/* Fills the instances of as many workers as there shall be from now on. */
void supervisor_grow(struct supervisor *supervisor, unsigned count);

/* The workers of higher numbers than that retire: they finish the connections
 * that they have, and end. */
void supervisor_shrink(struct supervisor *supervisor, unsigned count);

/* Puts a new worker on the instance.  The present one serves on until one of the
 * other two functions decides: it retires; or it keeps its instance, and the new
 * worker ends. */
void supervisor_replace(
    struct supervisor *supervisor, struct instance *instance);
void supervisor_confirm_replacements(struct supervisor *supervisor);
void supervisor_undo_replacements(struct supervisor *supervisor);

/* Whether a replaced worker may still accept clients for the generation before. */
bool supervisor_is_replacing(const struct supervisor *supervisor);

/* Kills replaced workers that may. */
void supervisor_kill_replaced(struct supervisor *supervisor);

/* While a worker is gone and not replaced, another one serves its sockets too.
 * For when a worker is missing or has come back; does nothing while a change is
 * under way, which ends with it. */
void supervisor_cover_sockets(struct supervisor *supervisor);

/* Whether a worker may connect anywhere, so that no new server needs another. */
bool supervisor_reaches_anywhere(const struct supervisor *supervisor);

/* Starts the scout if `config` has a name in it; ends it if no server has. */
void supervisor_need_scout(
    struct supervisor *supervisor, const struct config *config);
void supervisor_release_scout(
    struct supervisor *supervisor, const struct config *config);

/* Starts the keepers of so many workers if `config` has keys to keep.  Once
 * there, a keeper stays until its workers have ended: supervisor_release_keepers()
 * sees to that. */
void supervisor_need_keepers(struct supervisor *supervisor,
    const struct config *config, unsigned workers);
void supervisor_release_keepers(struct supervisor *supervisor);

/* Sends a worker or keeper what it is to load (generation_send.h). */
void supervisor_load(struct supervisor *supervisor, struct child *child);

/* Whether every instance that is wanted has a child that is ready, and that has
 * taken up the active generation if it is to. */
bool supervisor_is_ready(const struct supervisor *supervisor);

/* A child has become ready, or has taken up a generation. */
void supervisor_note_progress(struct supervisor *supervisor);

/* Makes another link from a worker to its keeper, or to the scout, in place of
 * one that is lost.  If that process is missing nothing happens: the link is made
 * when it starts. */
void supervisor_join_keeper(
    struct supervisor *supervisor, struct child *worker);
void supervisor_join_scout(
    struct supervisor *supervisor, struct child *worker);

/* Makes a link to the scout.  Returns the worker's end, the caller's to close;
 * -1: there is no scout, or the failure is logged. */
NODISCARD int supervisor_open_scout(struct supervisor *supervisor);

/* Closes the control socket's listener.  False: it was not open. */
bool supervisor_close_control(struct supervisor *supervisor);

/* Sends MESSAGE_DRAIN to every worker, those that retire included.  `service`:
 * of that one alone; NULL: of all. */
void supervisor_drain(struct supervisor *supervisor, const char *service,
    uint64_t timeout_ms);

/* Has every worker reset the connections that it still has, and end. */
void supervisor_end_now(struct supervisor *supervisor);

/* No instance is filled any more; helpers end. */
void supervisor_stop(struct supervisor *supervisor);

/* A process has ended, which may have left room for more connections. */
void supervisor_wake_workers(struct supervisor *supervisor);

/* The child has ended, and the others are told. */
void supervisor_child_ended(
    struct supervisor *supervisor, const struct child *child);

#endif
