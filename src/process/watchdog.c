#include "process/watchdog.h"

#include <event2/event.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/number.h"
#include "process/child.h"
#include "process/master_parts.h"

/* Parts of the manager's patience.  Children report a little more often than
 * is looked, so that each has when it is. */
enum { PULSES = 5, LOOKS = 4, GRACES = 2 };

#define PID "WATCHDOG_PID"

static bool
read_number(const char *variable, uint64_t *number)
{
    const char *text = getenv(variable);

    return text != NULL && number_parse(text, number);
}

void
watchdog_init(struct watchdog *watchdog)
{
    uint64_t patience_us = 0, pid = (uint64_t)getpid();

    *watchdog = (struct watchdog){ .timer = NULL };
    if (!read_number("WATCHDOG_USEC", &patience_us))
        return;
    (void)read_number(PID, &pid);
    if (pid == (uint64_t)getpid())
        watchdog->patience_ms = patience_us / 1000;
}

/* An interval that is at least something. */
static uint64_t
part(const struct watchdog *watchdog, unsigned parts)
{
    uint64_t ms = watchdog->patience_ms / parts;

    return ms > 0 || watchdog->patience_ms == 0 ? ms : 1;
}

uint64_t
watchdog_pulse_ms(const struct watchdog *watchdog)
{
    return part(watchdog, PULSES);
}

/* One that has just been started has other things to do. */
static bool
has_reported(const struct watchdog *watchdog, const struct child *child,
    uint64_t beaten_ms, uint64_t now_ms)
{
    return child->post == NULL || beaten_ms > watchdog->fed_ms ||
        now_ms - child->started_ms < part(watchdog, GRACES);
}

static void
log_late(const struct child *child, uint64_t silent_ms)
{
    char name[CHILD_NAME_SIZE];

    log_error(NULL, "%s has not answered for %llu ms: the watchdog is not fed "
        "until it does", child_name(child, name),
        (unsigned long long)silent_ms);
}

static bool
is_alive(struct master *master, const struct child *child, uint64_t now_ms)
{
    struct watchdog *watchdog = &master->watchdog;
    uint64_t beaten_ms = board_beaten_ms(master->board, child->slot);
    bool late = !has_reported(watchdog, child, beaten_ms, now_ms);

    if (late && !watchdog->late[child->slot])
        log_late(child, now_ms -
            (beaten_ms > 0 && beaten_ms < now_ms ? beaten_ms
                                                 : child->started_ms));
    watchdog->late[child->slot] = late;
    return !late;
}

static void
on_look(evutil_socket_t fd, short what, void *arg)
{
    struct master *master = arg;
    uint64_t now_ms = clock_now_ms();
    bool all = true;

    (void)fd;
    (void)what;
    for (const struct child *each = master->children; each != NULL;
         each = each->next)
        all &= is_alive(master, each, now_ms);
    if (!all)
        return;
    notify_send(&master->notify, "WATCHDOG=1");
    master->watchdog.fed_ms = now_ms;
}

void
watchdog_start(struct master *master)
{
    struct watchdog *watchdog = &master->watchdog;
    struct timeval every = clock_span(part(watchdog, LOOKS));

    if (watchdog->patience_ms == 0 || !notify_is_on(&master->notify))
        return;
    watchdog->timer =
        event_new(master->base, -1, EV_PERSIST, on_look, master);
    if (watchdog->timer == NULL || event_add(watchdog->timer, &every) < 0)
        log_error(NULL, "the watchdog cannot be fed: out of memory");
    notify_send(&master->notify, "WATCHDOG=1");
    watchdog->fed_ms = clock_now_ms();
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
