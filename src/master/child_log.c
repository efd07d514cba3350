#include "master/child_log.h"

#include <event2/event.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/log_line.h"

enum {
    REST_MAX = 2 * LOG_LINE_SIZE, /* a longer line is cut */
    READ_BYTES = 64 << 10,
    READS_PER_WAKE = 4,
    DRAIN_READS = 64,
    PAUSE_MS = 10, /* what comes meanwhile is read together */
};

/* Nothing in it outlives a call. */
static char room[REST_MAX + READ_BYTES + 1];

static void
keep_rest(struct child_log *log, const char *bytes, size_t length)
{
    log->rest_length = 0;
    if (length == 0)
        return;
    if (log->rest == NULL)
        log->rest = malloc(REST_MAX);
    if (log->rest == NULL)
        return;
    memcpy(log->rest, bytes, length);
    log->rest_length = length;
}

static void
forward_lines(struct child_log *log, size_t length)
{
    char *at = room, *end;
    size_t left = length;

    while (left > 0) {
        end = memchr(at, '\n', left);
        if (end == NULL && left < REST_MAX)
            break;
        if (end == NULL)
            end = at + REST_MAX - 1; /* its last byte makes way */
        log_forward(at, (size_t)(end - at), log->name, log->pid);
        left -= (size_t)(end + 1 - at);
        at = end + 1;
    }
    keep_rest(log, at, left);
}

/* False: nothing more is there now, or (`ended`) will ever come. */
static bool
read_once(struct child_log *log)
{
    ssize_t got;

    if (log->rest_length > 0)
        memcpy(room, log->rest, log->rest_length);
    do
        got = read(log->fd, room + log->rest_length, READ_BYTES);
    while (got < 0 && errno == EINTR);
    log->ended = got == 0 || (got < 0 && errno != EAGAIN);
    if (got <= 0)
        return false;
    forward_lines(log, log->rest_length + (size_t)got);
    return true;
}

static void
read_log_pipe(struct child_log *log, int reads)
{
    while (reads-- > 0 && read_once(log))
        continue;
    log_flush();
}

static void
on_log_readable(evutil_socket_t fd, short what, void *arg)
{
    static const struct timeval pause = { .tv_usec = PAUSE_MS * 1000 };
    struct child_log *log = arg;

    (void)fd;
    (void)what;
    read_log_pipe(log, READS_PER_WAKE);
    if (!log->ended) /* at its end a pipe is readable for ever */
        event_add(log->again, &pause);
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
    struct child_log *log = arg;

    (void)fd;
    (void)what;
    event_add(log->readable, NULL);
}

bool
child_log_start(struct child_log *log, struct event_base *base, int fd,
    const char *name, int pid)
{
    *log = (struct child_log){ .fd = fd, .pid = pid };
    snprintf(log->name, sizeof(log->name), "%s", name);
    log->readable = event_new(base, fd, EV_READ, on_log_readable, log);
    log->again = evtimer_new(base, on_again, log);
    if (log->readable != NULL && log->again != NULL &&
        fd_set_nonblocking(fd) && event_add(log->readable, NULL) == 0)
        return true;
    child_log_stop(log);
    return false;
}

void
child_log_drain(struct child_log *log)
{
    if (log->readable == NULL)
        return;
    read_log_pipe(log, DRAIN_READS);
    if (log->rest_length == 0)
        return;
    memcpy(room, log->rest, log->rest_length);
    log_forward(room, log->rest_length, log->name, log->pid);
    log->rest_length = 0;
    log_flush();
}

void
child_log_stop(struct child_log *log)
{
    if (log->readable != NULL)
        event_free(log->readable);
    if (log->again != NULL)
        event_free(log->again);
    if (log->fd > STDERR_FILENO)
        close(log->fd);
    free(log->rest);
    *log = (struct child_log){ .fd = -1 };
}
