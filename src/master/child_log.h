/*
 * What a child process logs, and what its libraries write to standard error, as
 * the master reads it from the child's pipe.
 *
 * No process but the master has the log open, so none can silence it, or change
 * what stands there.  A child that writes more than is read, at most a few MiB a
 * second, loses lines of its own.
 */
#ifndef MASTER_CHILD_LOG_H
#define MASTER_CHILD_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

struct event;
struct event_base;

enum { CHILD_LOG_NAME_SIZE = 48 };

struct child_log {
    int fd;
    int pid;
    char name[CHILD_LOG_NAME_SIZE]; /* for lines that are not the log's */
    struct event *readable; /* NULL: not started, or nothing comes any more */
    struct event *again;
    bool ended; /* no process has the writing end any more */
    char *rest; /* of a line whose end has not come */
    size_t rest_length;
};

/* Takes `fd`, the reading end.  False: out of memory. */
NODISCARD bool child_log_start(struct child_log *log, struct event_base *base,
    int fd, const char *name, int pid);

/* Logs what is there now: the child has ended. */
void child_log_drain(struct child_log *log);

/* For one that was never started too, if it is all zero. */
void child_log_stop(struct child_log *log);

#endif
