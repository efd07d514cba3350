/*
 * The master's child processes: starting one, sending to it, and its end.
 *
 * What a child says and that it has ended is for the functions that the list of
 * children was given (struct child_calls); nothing here knows what they do.
 */
#ifndef MASTER_CHILD_H
#define MASTER_CHILD_H

#include <sys/queue.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "config/config.h"
#include "ipc/message.h"
#include "master/child_log.h"
#include "master/conduct.h"
#include "master/liveness.h"

struct channel;
struct child;
struct event;
struct event_base;
struct instance;
struct sandbox_reach;
struct scoreboard;
struct spawn;

/* Takes `fd`, the descriptor that came with the message; -1: none. */
typedef void child_message_fn(void *arg, struct child *child,
    const struct message *message, int fd);

struct child_calls {
    /* By type: one for each that a child may send.  A child that may not send it
     * now is killed instead (conduct.h). */
    child_message_fn *const *handlers;

    /* The child is off the list and the scoreboard; it is freed afterwards. */
    void (*ended)(void *arg, struct child *child);
};

/* Every child that has not been waited for, and what each is started with.  All
 * but the list is borrowed, and set before the first child is started. */
struct children {
    LIST_HEAD(, child) list;
    struct event_base *base;
    struct scoreboard *board;
    int program_fd;            /* what children are started from (spawn.h) */
    enum sandbox_mode sandbox;
    const struct child_calls *calls;
    void *arg;                 /* of the calls */
};

struct child {
    LIST_ENTRY(child) link;
    struct children *children;
    struct instance *instance; /* NULL: it is not replaced when it ends */
    enum role role;
    unsigned number;
    unsigned slot; /* on the scoreboard */
    pid_t pid;
    struct channel *channel; /* NULL: it is closed */
    struct child_log log;
    struct event *grace; /* until it is killed */
    uint64_t started_ms;
    bool killed; /* by child_kill() */
    unsigned killed_s; /* since then */
    struct liveness liveness;
    struct conduct conduct;
    struct sandbox_reach *reach; /* that it is confined to; NULL: none */

    /* A worker's generations (rollout.h); 0: none. */
    uint64_t generation; /* that it serves */
    uint64_t preparing;
    uint64_t switching;  /* MESSAGE_COMMIT was sent, and is not confirmed yet */
    bool prepared;
    char *fault; /* why it could not prepare, in its words; NULL: none told */
};

/* Starts a child and puts it into the list; `instance` may be NULL.  NULL:
 * logged. */
NODISCARD struct child *child_start(struct children *children,
    struct instance *instance, const struct spawn *spawn);

/* Sends if the child still has a channel; as channel_send(). */
void child_send(struct child *child, enum message_type type,
    const void *fixed, const char *text, size_t text_length, int fd);

/* Closes the child's channel, at which it ends. */
void child_stop(struct child *child);

/* Sends SIGKILL. */
void child_kill(struct child *child);

/* Keeps the first of the faults that the child names in the configuration that
 * it prepares. */
void child_note_fault(struct child *child, const char *fault);
void child_forget_fault(struct child *child);

/* The process of that id has been waited for, with `status` of waitpid(2): reads
 * what it has still sent, and lets it end.  False: no child has that id. */
bool child_reap(struct children *children, pid_t pid, int status);

/* NULL: no child has that id. */
struct child *child_find(const struct children *children, pid_t pid);

/* "worker 1 (pid 123)"; returns `text`. */
enum { CHILD_NAME_SIZE = 48 };
const char *child_name(const struct child *child, char text[CHILD_NAME_SIZE]);

#endif
