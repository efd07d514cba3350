#include "net/listener.h"

#include <event2/event.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/listener_revive.h"
#include "net/loop.h"
#include "net/socket_options.h"
#include "net/timer.h"

enum {
    ACCEPTS_PER_WAKE = 64,  /* then the other events have their turn */
    ACCEPTS_AT_END = 65536, /* no queue is longer (listen(2)) */
    EXHAUSTED_PAUSE_MS = 100,
    EMPTY_WAKES_MAX = 16,
};

struct listener {
    int fd;
    struct loop *loop;
    struct event *readable;
    struct timer retry;
    const struct listener_calls *calls;
    void *arg;
    unsigned empty_wakes; /* in a row: no client was there */
    bool paused; /* by the owner */
    bool dead;   /* its socket is closed, or will be */
};

static void
free_events(struct listener *listener)
{
    if (listener->readable != NULL)
        event_free(listener->readable);
    timer_close(&listener->retry);
}

void
listener_free(struct listener *listener)
{
    if (listener == NULL)
        return;
    free_events(listener);
    if (!listener->dead)
        loop_close(listener->loop, listener->fd);
    free(listener);
}

static bool
is_exhaustion(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOMEM ||
        error == ENOBUFS;
}

static void
pause_listener_exhausted(struct listener *listener, int error)
{
    event_del(listener->readable);
    timer_set(&listener->retry, EXHAUSTED_PAUSE_MS);
    if (loop_may_log_exhaustion(listener->loop))
        listener->calls->exhausted(listener->arg, error);
}

/* Without memory for that it is tried again. */
static void
watch_readable(struct listener *listener)
{
    if (event_add(listener->readable, NULL) != 0)
        timer_set(&listener->retry, EXHAUSTED_PAUSE_MS);
}

/* Rather than of one connection that is gone: accept(2). */
static bool
is_death(int error)
{
    return error == EINVAL || error == EBADF || error == ENOTSOCK;
}

/* Closes the socket: an abstract name is free when no process has it open. */
static void
end_dead_listener(struct listener *listener, int error)
{
    listener->dead = true;
    event_del(listener->readable);
    timer_stop(&listener->retry);
    loop_close(listener->loop, listener->fd);
    listener->calls->dead(listener->arg, error);
}

enum outcome { ACCEPTED, GONE, EMPTY, EXHAUSTED, DEAD };

static enum outcome
accept_one(struct listener *listener)
{
    const struct listener_calls *calls = listener->calls;
    struct sockaddr_storage peer = { .ss_family = AF_UNSPEC };
    socklen_t length = sizeof(peer);
    int fd = accept4(listener->fd, (struct sockaddr *)&peer, &length,
        SOCK_NONBLOCK | SOCK_CLOEXEC);
    int error = errno;

    if (fd >= 0) {
        listener->empty_wakes = 0;
        /* Unix sockets inherit no option from the one that listens. */
        if (peer.ss_family == AF_UNIX)
            socket_takes_urgent_in_line(fd);
        calls->accepted(
            listener->arg, fd, (struct sockaddr *)&peer, length);
        return ACCEPTED;
    }
    calls->nothing(listener->arg);
    if (is_exhaustion(error)) {
        pause_listener_exhausted(listener, error);
        return EXHAUSTED;
    }
    if (is_death(error)) {
        end_dead_listener(listener, error);
        return DEAD;
    }
    return error == EAGAIN || error == EWOULDBLOCK ? EMPTY : GONE;
}

static void
accept_some(struct listener *listener, int most, bool even_paused)
{
    enum outcome outcome = ACCEPTED;

    for (int i = 0; i < most && outcome <= GONE; i++) {
        if (listener->dead || (listener->paused && !even_paused) ||
            !listener->calls->may_accept(listener->arg))
            return;
        outcome = accept_one(listener);
    }
}

/* A unix socket that was shut down is readable, and accept(2) says EAGAIN as to
 * a process that came too late.  That many in a row are worth a closer look. */
static void
look_closer(struct listener *listener)
{
    bool dead;

    listener->empty_wakes = 0;
    if (listener_find_dead(&listener->fd, 1, &dead) && dead)
        end_dead_listener(listener, EINVAL);
}

static void
on_listener_readable(evutil_socket_t fd, short what, void *arg)
{
    struct listener *listener = arg;

    (void)fd;
    (void)what;
    listener->empty_wakes++;
    accept_some(listener, ACCEPTS_PER_WAKE, false);
    if (listener->empty_wakes >= EMPTY_WAKES_MAX && !listener->dead)
        look_closer(listener);
}

void
listener_drain(struct listener *listener)
{
    accept_some(listener, ACCEPTS_AT_END, true);
}

static void
on_listener_retry(void *arg)
{
    struct listener *listener = arg;

    if (!listener->paused && !listener->dead)
        watch_readable(listener);
}

struct listener *
listener_adopt(struct loop *loop, int fd, const struct listener_calls *calls,
    void *arg)
{
    struct listener *listener = calloc(1, sizeof(*listener));

    if (listener == NULL)
        return NULL;
    *listener = (struct listener){
        .fd = fd, .loop = loop, .calls = calls, .arg = arg };
    listener->readable = event_new(
        loop->base, fd, EV_READ | EV_PERSIST, on_listener_readable, listener);
    if (listener->readable != NULL &&
        timer_open(&listener->retry, loop->base, on_listener_retry, listener) &&
        event_add(listener->readable, NULL) == 0)
        return listener;
    free_events(listener);
    free(listener);
    return NULL;
}

bool
listener_is_dead(const struct listener *listener)
{
    return listener->dead;
}

void
listener_pause(struct listener *listener)
{
    listener->paused = true;
    event_del(listener->readable);
}

void
listener_resume(struct listener *listener)
{
    listener->paused = false;
    if (!listener->dead && !timer_is_set(&listener->retry))
        watch_readable(listener);
}
