/*
 * A process of ours, as the master sees it.
 */
#ifndef PROCESS_CHILD_H
#define PROCESS_CHILD_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "process/message.h"

struct channel;
struct event;
struct master;
struct post;
struct sandbox_reach;
struct spawn;

struct child {
    struct child *next; /* in the master's list */
    struct master *master;
    struct post *post; /* NULL: nobody is put in its place when it ends */
    enum role role;
    unsigned number;
    unsigned slot; /* on the board */
    pid_t pid;
    struct channel *channel; /* NULL: there is no way to it any more */
    struct event *grace; /* until it is killed */
    uint64_t started_ms;
    bool ready;  /* confined, and its loop turns */
    bool killed; /* by child_kill() */
    struct sandbox_reach *reach; /* that it is confined to; NULL: none */

    /* A worker's generations (rollout.h); 0: none. */
    uint64_t generation; /* in force there */
    uint64_t preparing;
    uint64_t switching;  /* it was told to switch to, and has not said so */
    bool prepared;
};

/* Forks it and puts it into the master's list; `post` may be NULL.  NULL:
 * logged. */
NODISCARD struct child *child_start(
    struct master *master, struct post *post, const struct spawn *spawn);

/* Sends if there is still a way to it; as channel_send(). */
void child_send(struct child *child, enum message_type type,
    const void *fixed, const char *text, size_t text_length, int fd);

/* Closes the way to it, at which it ends. */
void child_let_go(struct child *child);

/* Ends it without asking. */
void child_kill(struct child *child);

/* Takes it out of the list and its slot off the board, once it has been waited
 * for; then frees it. */
void child_unlist(struct child *child);
void child_free(struct child *child);

struct child *child_find(struct master *master, pid_t pid);

/* "worker 1 (pid 123)"; returns `text`. */
enum { CHILD_NAME_SIZE = 48 };
const char *child_name(const struct child *child, char text[CHILD_NAME_SIZE]);

#endif
