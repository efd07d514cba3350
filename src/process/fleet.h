/*
 * The master's children: a post for each worker, for each keeper, one for the
 * scout, one for the observer, and what they need to know of each other.
 */
#ifndef PROCESS_FLEET_H
#define PROCESS_FLEET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "config/config.h"
#include "process/keeper.h"
#include "process/post.h"

struct child;
struct config;
struct master;

/* Where a worker gets connections that others accepted: it reads one end,
 * every other worker holds the other. */
struct inbox {
    int read_fd; /* -1: there is none */
    int send_fd;
};

enum { KEEPERS_MAX = (WORKERS_MAX + KEEPER_WORKERS - 1) / KEEPER_WORKERS };

/* A worker whose post another one is about to take. */
struct relief {
    bool pending;         /* nothing has been decided yet */
    struct child *worker; /* NULL: it has ended meanwhile */
    struct inbox inbox;   /* its own; the post has a new one */
};

struct fleet {
    struct post workers[WORKERS_MAX];
    struct post keepers[KEEPERS_MAX];
    struct post scout;
    struct post observer;
    struct inbox inboxes[WORKERS_MAX];
    struct relief reliefs[WORKERS_MAX]; /* by post */
    unsigned count; /* of workers wanted */
    int control_fd; /* where the observer listens; -1: no control socket */
    char *control_path;
};

void fleet_init(struct fleet *fleet, struct master *master);

/* Its children must have ended. */
void fleet_clear(struct fleet *fleet);

/* Fills the posts of as many workers as there shall be from now on. */
void fleet_grow(struct master *master, unsigned count);

/* The workers of higher numbers than that finish what they have, and end. */
void fleet_shrink(struct master *master, unsigned count);

/* Puts a new worker on the post.  The one that is there serves on until one of
 * the other two decides: it finishes what it has, and ends; or it keeps its
 * post, and the new ones end. */
void fleet_relieve(struct post *post);
void fleet_confirm_reliefs(struct master *master);
void fleet_revoke_reliefs(struct master *master);

/* Whether one of them may still let clients in for what was in force. */
bool fleet_is_being_relieved(const struct master *master);

/* Whether a worker that has ended was on its post until the switch. */
bool fleet_was_relieved(const struct child *worker);

/* Whether a worker may connect anywhere, so that it need not be relieved. */
bool fleet_reaches_anywhere(const struct master *master);

/* Starts the scout if `config` needs one; ends it if not. */
void fleet_need_scout(struct master *master, const struct config *config);
void fleet_dismiss_scout(struct master *master, const struct config *config);

/* Starts the keepers of so many workers if `config` has keys to keep.  Once
 * there, a keeper stays until its workers have ended: fleet_dismiss_keepers()
 * sees to that. */
void fleet_need_keepers(
    struct master *master, const struct config *config, unsigned workers);
void fleet_dismiss_keepers(struct master *master);

/* Whether every post that is wanted has a child that is ready, and takes part
 * in what is in force if it is to. */
bool fleet_is_ready(const struct master *master);

/* Another way from a worker to its keeper, or to the scout, in place of one
 * that is lost.  Nothing happens if there is nobody: who comes is told. */
void fleet_join_keeper(struct child *worker);
void fleet_join_scout(struct child *worker);

/* Nobody is answered there any more.  False: nobody was. */
bool fleet_close_control(struct fleet *fleet);

/* Tells every worker, those that retire too. */
void fleet_drain(struct master *master, const char *service,
    uint64_t timeout_ms);
void fleet_end_now(struct master *master);

/* No post is filled any more; helpers end. */
void fleet_disband(struct master *master);

/* A process has ended, which may have left room for more connections. */
void fleet_wake_workers(struct master *master);

/* For posts: forks the post's process; NULL: logged.  Then tells it and the
 * others of each other. */
NODISCARD struct child *fleet_start(struct post *post);
void fleet_welcome(struct child *child);

/* It has ended: the others forget its inbox, for the next worker may get
 * another slot on the board. */
void fleet_part_from(const struct child *child);

#endif
