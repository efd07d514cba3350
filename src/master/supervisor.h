/*
 * The master's children: an instance for each worker, for each keeper, one for the
 * scout, one for the admin, and what they need to know of each other.
 */
#ifndef MASTER_SUPERVISOR_H
#define MASTER_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "config/config.h"
#include "master/instance.h"
#include "roles/keeper.h"

struct child;
struct config;
struct master;
struct worker_pair;

enum { KEEPERS_MAX = (WORKERS_MAX + KEEPER_WORKERS - 1) / KEEPER_WORKERS };

/* A worker whose instance another one is about to take. */
struct replacement {
    bool pending;         /* nothing has been decided yet */
    struct child *worker; /* NULL: it has ended meanwhile */
};

struct supervisor {
    struct instance workers[WORKERS_MAX];
    struct instance keepers[KEEPERS_MAX];
    struct instance scout;
    struct instance admin;
    struct worker_pair *pairs; /* a list: supervisor_pairs.c */
    struct replacement replacements[WORKERS_MAX]; /* by instance */
    unsigned count; /* of workers wanted */
    int control_fd; /* where the admin listens; -1: no control socket */
    char *control_path;
};

void supervisor_init(struct supervisor *supervisor, struct master *master);

/* Its children must have ended. */
void supervisor_clear(struct supervisor *supervisor);

/* Fills the instances of as many workers as there shall be from now on. */
void supervisor_grow(struct master *master, unsigned count);

/* The workers of higher numbers than that finish what they have, and end. */
void supervisor_shrink(struct master *master, unsigned count);

/* Puts a new worker on the instance.  The one that is there serves on until one of
 * the other two decides: it finishes what it has, and ends; or it keeps its
 * instance, and the new ones end. */
void supervisor_replace(struct instance *instance);
void supervisor_confirm_replacements(struct master *master);
void supervisor_undo_replacements(struct master *master);

/* Whether one of them may still let clients in for what was in force. */
bool supervisor_is_replacing(const struct master *master);

/* Kills those that may. */
void supervisor_kill_replaced(struct master *master);

/* While a worker is gone and not replaced, another one serves its sockets too.
 * For when a worker is missing or has come back; a change that is under way ends
 * with it. */
void supervisor_cover_sockets(struct master *master);

/* Whether a worker may connect anywhere, so that it need not be relieved. */
bool supervisor_reaches_anywhere(const struct master *master);

/* Starts the scout if `config` has a name in it; ends it if no server has. */
void supervisor_need_scout(struct master *master, const struct config *config);
void supervisor_release_scout(struct master *master,
    const struct config *config);

/* Starts the keepers of so many workers if `config` has keys to keep.  Once
 * there, a keeper stays until its workers have ended: supervisor_release_keepers()
 * sees to that. */
void supervisor_need_keepers(
    struct master *master, const struct config *config, unsigned workers);
void supervisor_release_keepers(struct master *master);

/* Whether every instance that is wanted has a child that is ready, and takes part
 * in what is in force if it is to. */
bool supervisor_is_ready(const struct master *master);

/* Another way from a worker to its keeper, or to the scout, in place of one
 * that is lost.  Nothing happens if there is nobody: who comes is told. */
void supervisor_join_keeper(struct child *worker);
void supervisor_join_scout(struct child *worker);

/* A worker's end of a new way to the scout, the caller's to close; -1: there is
 * no scout, or it is logged. */
NODISCARD int supervisor_open_scout(struct master *master);

/* Nobody is answered there any more.  False: nobody was. */
bool supervisor_close_control(struct supervisor *supervisor);

/* Tells every worker, those that retire too. */
void supervisor_drain(struct master *master, const char *service,
    uint64_t timeout_ms);
void supervisor_end_now(struct master *master);

/* No instance is filled any more; helpers end. */
void supervisor_stop(struct master *master);

/* A process has ended, which may have left room for more connections. */
void supervisor_wake_workers(struct master *master);

/* For instances: starts the instance's process; NULL: logged.  Then tells it
 * and the others of each other. */
NODISCARD struct child *supervisor_start_child(struct instance *instance);
void supervisor_child_started(struct child *child);

/* It has ended, and the others are told. */
void supervisor_child_ended(const struct child *child);

#endif
