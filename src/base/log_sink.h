/*
 * Where log lines go: a descriptor that takes a line now or not at all.
 */
#ifndef BASE_LOG_SINK_H
#define BASE_LOG_SINK_H

#include <sys/uio.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "base/log_field.h"

struct error;

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
    size_t written;     /* bytes, by the last call */
    bool regular;       /* a file, which takes several lines at once */
};

/* Fills `*sink` on success only.  `path`: as for log_open. */
NODISCARD bool log_sink_open(struct log_sink *sink, enum log_target target,
    const char *path, struct error *error);

/* One system call, except for a datagram whose socket must be connected anew.
 * False: not (all) written. */
NODISCARD bool log_sink_write(struct log_sink *sink, struct iovec *parts,
    size_t count);

void log_sink_close(struct log_sink *sink);

#endif
