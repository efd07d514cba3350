#include "net/ticker.h"

#include <event2/event.h>
#include <sys/timerfd.h>

#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

static void
on_ticker_readable(evutil_socket_t fd, short what, void *arg)
{
    const struct ticker *ticker = arg;
    uint64_t missed;

    (void)what;
    /* Another setting since the event was found: read(2) would say EAGAIN. */
    if (read(fd, &missed, sizeof(missed)) > 0)
        ticker->tick(ticker->arg);
}

bool
ticker_open(struct ticker *ticker, struct event_base *base,
    void (*tick)(void *arg), void *arg)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

    *ticker = (struct ticker){ .tick = tick, .arg = arg };
    if (fd < 0)
        return false;
    ticker->readable =
        event_new(base, fd, EV_READ | EV_PERSIST, on_ticker_readable, ticker);
    if (ticker->readable == NULL) {
        close(fd);
        return false;
    }
    if (event_add(ticker->readable, NULL) == 0)
        return true;
    ticker_close(ticker);
    return false;
}

/* Fails only for times that are none: timerfd_settime(2). */
static void
set_interval(struct ticker *ticker, time_t seconds)
{
    const struct itimerspec every = {
        .it_value.tv_sec = seconds,
        .it_interval.tv_sec = seconds,
    };

    ticker->running = seconds > 0;
    timerfd_settime(event_get_fd(ticker->readable), 0, &every, NULL);
}

void
ticker_start(struct ticker *ticker)
{
    set_interval(ticker, TICKER_MS / 1000);
}

void
ticker_stop(struct ticker *ticker)
{
    set_interval(ticker, 0);
}

void
ticker_close(struct ticker *ticker)
{
    int fd;

    if (ticker->readable == NULL)
        return;
    fd = event_get_fd(ticker->readable);
    event_free(ticker->readable);
    close(fd);
    ticker->readable = NULL;
    ticker->running = false;
}
