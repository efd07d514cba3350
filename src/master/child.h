/*
 * A process of ours, as the master sees it.
 */
#ifndef MASTER_CHILD_H
#define MASTER_CHILD_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "ipc/message.h"
#include "master/child_log.h"
#include "master/conduct.h"
#include "master/liveness.h"

struct channel;
struct event;
struct master;
struct instance;
struct sandbox_reach;
struct spawn;

struct child {
    struct child *next; /* in the master's list */
    struct master *master;
    struct instance *instance; /* NULL: nobody is put in its place when it ends */
    enum role role;
    unsigned number;
    unsigned slot; /* on the scoreboard */
    pid_t pid;
    struct channel *channel; /* NULL: there is no way to it any more */
    struct child_log log;
    struct event *grace; /* until it is killed */
    uint64_t started_ms;
    bool killed; /* by child_kill() */
    unsigned killed_s; /* since then */
    struct liveness liveness;
    struct conduct conduct;
    struct sandbox_reach *reach; /* that it is confined to; NULL: none */

    /* A worker's generations (rollout.h); 0: none. */
    uint64_t generation; /* in force there */
    uint64_t preparing;
    uint64_t switching;  /* it was told to switch to, and has not said so */
    bool prepared;
    char *fault; /* why it could not prepare, in its words; NULL: none told */
};

/* Starts it and puts it into the master's list; `instance` may be NULL.  NULL:
 * logged. */
NODISCARD struct child *child_start(struct master *master,
    struct instance *instance, const struct spawn *spawn);

/* Sends if there is still a way to it; as channel_send(). */
void child_send(struct child *child, enum message_type type,
    const void *fixed, const char *text, size_t text_length, int fd);

/* Closes the way to it, at which it ends. */
void child_let_go(struct child *child);

/* Ends it without asking. */
void child_kill(struct child *child);

/* What it says was wrong with the configuration it prepares: the first of its
 * faults is kept. */
void child_note_fault(struct child *child, const char *fault);
void child_forget_fault(struct child *child);

/* Takes it out of the list and its slot off the scoreboard, once it has been waited
 * for; then frees it. */
void child_unlist(struct child *child);
void child_free(struct child *child);

struct child *child_find(struct master *master, pid_t pid);

/* "worker 1 (pid 123)"; returns `text`. */
enum { CHILD_NAME_SIZE = 48 };
const char *child_name(const struct child *child, char text[CHILD_NAME_SIZE]);

#endif
