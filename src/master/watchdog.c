#include "master/watchdog.h"

#include <event2/event.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/number.h"
#include "systemd/notify.h"

/* How often within the manager's patience. */
enum { FEEDS = 4 };

#define PID "WATCHDOG_PID"

static bool
read_number_variable(const char *variable, uint64_t *number)
{
    const char *text = getenv(variable);

    return text != NULL && number_parse(text, number);
}

void
watchdog_init(struct watchdog *watchdog)
{
    uint64_t patience_us = 0, pid = (uint64_t)getpid();

    *watchdog = (struct watchdog){ .timer = NULL };
    if (!read_number_variable("WATCHDOG_USEC", &patience_us))
        return;
    (void)read_number_variable(PID, &pid);
    if (pid == (uint64_t)getpid())
        watchdog->patience_ms = patience_us / 1000;
}

static void
on_feed(evutil_socket_t fd, short what, void *arg)
{
    struct watchdog *watchdog = arg;

    (void)fd;
    (void)what;
    notify_send(watchdog->notify, "WATCHDOG=1");
}

void
watchdog_start(struct watchdog *watchdog, struct event_base *base,
    struct notify *notify)
{
    uint64_t every_ms = watchdog->patience_ms / FEEDS;
    struct timeval every = clock_span(every_ms > 0 ? every_ms : 1);

    if (watchdog->patience_ms == 0 || !notify_is_on(notify))
        return;
    watchdog->notify = notify;
    watchdog->timer = event_new(base, -1, EV_PERSIST, on_feed, watchdog);
    if (watchdog->timer == NULL || event_add(watchdog->timer, &every) < 0)
        log_error(NULL, "the watchdog cannot be fed: out of memory");
    on_feed(-1, 0, watchdog);
}

void
watchdog_stop(struct watchdog *watchdog)
{
    if (watchdog->timer != NULL)
        event_free(watchdog->timer);
    watchdog->timer = NULL;
}

void
watchdog_hand_on(void)
{
    char pid[16];

    if (getenv(PID) == NULL)
        return;
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    (void)setenv(PID, pid, 1);
}
