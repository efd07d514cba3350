#include "loop.h"

#include <sys/epoll.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { EVENTS_MAX = 256 };

static int epoll_fd = -1;
static bool running;

static struct {
    void **items;
    size_t count, size;
} buried;

static struct {
    void (*call)(void);
    int64_t period_ns, next_ns;
} ticker;

void
fail(const char *format, ...)
{
    va_list arguments;

    fputs("load: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

int64_t
now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void
loop_watch(struct watch *watch, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = watch };

    if (watch->added && watch->events == events)
        return;
    if (epoll_fd < 0)
        epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_ctl(epoll_fd, watch->added ? EPOLL_CTL_MOD : EPOLL_CTL_ADD,
            watch->fd, &event) < 0)
        fail("epoll_ctl: %s", strerror(errno));
    watch->added = true;
    watch->events = events;
}

void
loop_close(struct watch *watch)
{
    if (watch->fd >= 0)
        close(watch->fd);
    watch->fd = -1;
    watch->added = false;
}

void
loop_bury(void *memory)
{
    if (buried.count == buried.size) {
        buried.size = buried.size * 2 + 64;
        buried.items =
            realloc(buried.items, buried.size * sizeof(*buried.items));
        if (buried.items == NULL)
            fail("out of memory");
    }
    buried.items[buried.count++] = memory;
}

static void
free_buried(void)
{
    while (buried.count > 0)
        free(buried.items[--buried.count]);
}

void
loop_tick(unsigned period_ms, void (*tick)(void))
{
    ticker.call = tick;
    ticker.period_ns = (int64_t)period_ms * 1000000;
    ticker.next_ns = now_ns() + ticker.period_ns;
}

/* Ticks that were missed are not made up for. */
static int
tick(void)
{
    int64_t now;

    if (ticker.call == NULL)
        return -1;
    now = now_ns();
    if (now >= ticker.next_ns) {
        ticker.next_ns = now + ticker.period_ns;
        ticker.call();
    }
    return (int)((ticker.next_ns - now) / 1000000) + 1;
}

static void
turn(int timeout_ms)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(epoll_fd, events, EVENTS_MAX, timeout_ms);

    if (count < 0 && errno != EINTR)
        fail("epoll_wait: %s", strerror(errno));
    for (int i = 0; i < count; i++) {
        struct watch *watch = events[i].data.ptr;

        if (watch->fd >= 0)
            watch->ready(watch, events[i].events);
    }
    free_buried();
}

void
loop_run(void)
{
    running = true;
    while (running)
        turn(tick());
    free_buried();
    free(buried.items);
    buried.items = NULL;
    close(epoll_fd);
}

void
loop_stop(void)
{
    running = false;
}
