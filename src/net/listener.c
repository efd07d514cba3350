#include "net/listener.h"

#include <event2/event.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "net/listener_bind.h"
#include "net/loop.h"

enum {
    ACCEPTS_PER_WAKE = 64,  /* then the other events have their turn */
    EXHAUSTED_PAUSE_MS = 100,
};

struct listener {
    struct listener_socket socket;
    struct loop *loop;
    struct event *readable;
    struct event *retry;
    listener_accept_fn *accepted;
    void *arg;
    bool paused; /* by the owner */
};

static void
listener_free(struct listener *listener)
{
    if (listener->readable != NULL)
        event_free(listener->readable);
    if (listener->retry != NULL)
        event_free(listener->retry);
    listener_socket_close(&listener->socket);
    free(listener);
}

void
listener_set_free(struct listener_set *set)
{
    for (size_t i = 0; i < set->count; i++)
        listener_free(set->items[i]);
    free(set->items);
    *set = (struct listener_set){ 0 };
}

static bool
add_listener(void *arg, const struct listener_socket *socket)
{
    struct listener_set *set = arg;
    struct listener **items =
        realloc(set->items, (set->count + 1) * sizeof(*items));
    struct listener *listener;

    if (items == NULL)
        return false;
    set->items = items;
    listener = calloc(1, sizeof(*listener));
    if (listener == NULL)
        return false;
    listener->socket = *socket;
    items[set->count++] = listener;
    return true;
}

bool
listener_open(struct listener_set *set, const char *service,
    const struct endpoint *endpoint, const struct leg_config *leg,
    struct error *error)
{
    size_t before = error->count + error->dropped;

    if (listener_bind(service, endpoint, leg, add_listener, set, error))
        return true;
    if (error->count + error->dropped == before)
        error_add(error, "[service %s] out of memory", service);
    return false;
}

const char *
listener_address(const struct listener *listener)
{
    return listener->socket.text;
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
    if (!loop_may_log_exhaustion(listener->loop))
        return;
    errno = error;
    log_warn(listener->socket.service,
        "accepting on %s pauses: %m; raise LimitNOFILE or memory, or lower "
        "max_connections",
        listener->socket.text);
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct listener *listener = arg;

    (void)what;
    for (int i = 0; i < ACCEPTS_PER_WAKE && !listener->paused; i++) {
        struct sockaddr_storage peer;
        socklen_t length = sizeof(peer);
        int accepted = accept4(fd, (struct sockaddr *)&peer, &length,
            SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (accepted >= 0) {
            listener->accepted(
                listener->arg, accepted, (struct sockaddr *)&peer, length);
        } else if (is_exhaustion(errno)) {
            pause_exhausted(listener, errno);
            return;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        }
        /* Any other error is of the one connection that is gone: accept(2). */
    }
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

void
listener_start(struct listener *listener, struct loop *loop,
    listener_accept_fn *accepted, void *arg)
{
    listener->loop = loop;
    listener->accepted = accepted;
    listener->arg = arg;
    listener->readable = event_new(loop->base, listener->socket.fd,
        EV_READ | EV_PERSIST, on_readable, listener);
    listener->retry = evtimer_new(loop->base, on_retry, listener);
    /* Only start-up gets here, and libevent has no way to go on either. */
    if (listener->readable == NULL || listener->retry == NULL)
        abort();
    event_add(listener->readable, NULL);
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
