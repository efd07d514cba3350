#include "net/listener.h"

#include <event2/event.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/loop.h"

enum {
    ACCEPTS_PER_WAKE = 64,  /* then the other events have their turn */
    ACCEPTS_AT_END = 65536, /* no queue is longer (listen(2)) */
    EXHAUSTED_PAUSE_MS = 100,
};

struct listener {
    int fd;
    struct loop *loop;
    struct event *readable;
    struct event *retry;
    const struct listener_calls *calls;
    void *arg;
    bool paused; /* by the owner */
};

/* A socket that is to be closed. */
struct closing {
    struct loop_task task;
    int fd;
};

static void
on_close(void *arg)
{
    struct closing *closing = arg;

    close(closing->fd);
    free(closing);
}

/* Closing what other processes have too does not end epoll's interest in it,
 * and the loop ends that only when it looks for events again: until then the
 * descriptor has to stay, or nobody could end it any more.  (libevent looks for
 * nothing while it has no event at all, but a worker always has some.) */
static void
close_later(struct loop *loop, int fd)
{
    struct closing *closing = calloc(1, sizeof(*closing));

    if (closing == NULL) {
        close(fd);
        return;
    }
    closing->fd = fd;
    closing->task = (struct loop_task){ .run = on_close, .arg = closing };
    loop_defer(loop, &closing->task);
}

static void
free_events(struct listener *listener)
{
    if (listener->readable != NULL)
        event_free(listener->readable);
    if (listener->retry != NULL)
        event_free(listener->retry);
}

void
listener_free(struct listener *listener)
{
    if (listener == NULL)
        return;
    free_events(listener);
    close_later(listener->loop, listener->fd);
    free(listener);
}

static bool
is_exhaustion(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOMEM ||
        error == ENOBUFS;
}

static void
pause_exhausted(struct listener *listener, int error)
{
    static const struct timeval pause = { .tv_usec = EXHAUSTED_PAUSE_MS * 1000 };

    event_del(listener->readable);
    event_add(listener->retry, &pause);
    if (loop_may_log_exhaustion(listener->loop))
        listener->calls->exhausted(listener->arg, error);
}

enum outcome { ACCEPTED, GONE, EMPTY, EXHAUSTED };

static enum outcome
accept_one(struct listener *listener)
{
    const struct listener_calls *calls = listener->calls;
    struct sockaddr_storage peer;
    socklen_t length = sizeof(peer);
    int fd = accept4(listener->fd, (struct sockaddr *)&peer, &length,
        SOCK_NONBLOCK | SOCK_CLOEXEC);
    int error = errno;

    if (fd >= 0) {
        calls->accepted(
            listener->arg, fd, (struct sockaddr *)&peer, length);
        return ACCEPTED;
    }
    calls->nothing(listener->arg);
    if (is_exhaustion(error)) {
        pause_exhausted(listener, error);
        return EXHAUSTED;
    }
    /* Any other error is of the one connection that is gone: accept(2). */
    return error == EAGAIN || error == EWOULDBLOCK ? EMPTY : GONE;
}

static void
accept_some(struct listener *listener, int most, bool even_paused)
{
    enum outcome outcome = ACCEPTED;

    for (int i = 0; i < most && outcome <= GONE; i++) {
        if ((listener->paused && !even_paused) ||
            !listener->calls->may_accept(listener->arg))
            return;
        outcome = accept_one(listener);
    }
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    accept_some(arg, ACCEPTS_PER_WAKE, false);
}

void
listener_drain(struct listener *listener)
{
    accept_some(listener, ACCEPTS_AT_END, true);
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
    struct listener *listener = arg;

    (void)fd;
    (void)what;
    if (!listener->paused)
        event_add(listener->readable, NULL);
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
        loop->base, fd, EV_READ | EV_PERSIST, on_readable, listener);
    listener->retry = evtimer_new(loop->base, on_retry, listener);
    if (listener->readable != NULL && listener->retry != NULL &&
        event_add(listener->readable, NULL) == 0)
        return listener;
    free_events(listener);
    free(listener);
    return NULL;
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
    if (!evtimer_pending(listener->retry, NULL))
        event_add(listener->readable, NULL);
}
