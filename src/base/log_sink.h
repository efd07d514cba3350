/*
 * Where log lines go: a descriptor that takes a line now or not at all.
 */
#ifndef BASE_LOG_SINK_H
#define BASE_LOG_SINK_H

#include <sys/uio.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "base/log.h"

struct error;

/* What a line needs so that its reader knows when it was and how grave. */
enum log_dress {
    LOG_DRESS_TIME,     /* the time in front */
    LOG_DRESS_PRIORITY, /* "<6>" in front */
    LOG_DRESS_SYSLOG,   /* "<30>sallyport[123]: " in front */
    LOG_DRESS_JOURNAL,  /* fields around it */
};

/* How a line gets there without waiting. */
enum log_way {
    LOG_WAY_WRITE,      /* writing never waits */
    LOG_WAY_POLL,       /* it may: ask poll(2) before */
    LOG_WAY_SEND,       /* a socket */
    LOG_WAY_DATAGRAM,   /* a socket whose far side may come back anew */
};

struct log_sink {
    int fd;
    char *path;         /* NULL: stderr, or not known */
    enum log_target target;
    enum log_dress dress;
    enum log_way way;
    bool torn;          /* the last line was written in part */
    bool gone;          /* nobody reads the socket, whose path is not known */
};

/* Fills `*sink` on success only.  `path`: as for log_open. */
NODISCARD bool log_sink_open(struct log_sink *sink, enum log_target target,
    const char *path, struct error *error);

/* The same for a descriptor that another process opened; takes `fd`, even if it
 * is false: not a descriptor of that kind. */
NODISCARD bool log_sink_adopt(
    struct log_sink *sink, enum log_target target, int fd);

/* One system call, except for a datagram whose socket must be connected anew.
 * False: not (all) written. */
NODISCARD bool log_sink_write(struct log_sink *sink, struct iovec *parts,
    size_t count);

void log_sink_close(struct log_sink *sink);

#endif
