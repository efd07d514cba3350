#include "master/manager_state.h"

#include <event2/event.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/escape.h"
#include "base/log.h"
#include "base/scoreboard.h"
#include "config/config.h"
#include "master/master_internal.h"

enum {
    STATUS_SIZE = 700,
    FAULT_SIZE = 400,

    /* Asked for anew long before it is over. */
    EXTEND_EVERY_MS = 5000,
    EXTEND_MS = 15000,

    /* After drain_timeout, for the ends of connections and processes. */
    END_MS = 15000,

    FLUSH_MS = 1000,
};

/* One line of printable ASCII. */
static void
put_fault(char *text, size_t size, const char *fault)
{
    escape_bytes(text, size, fault, strlen(fault), ESCAPE_MESSAGE);
}

static const char *
status(const struct master *master, char text[STATUS_SIZE])
{
    const struct config *config = master->config;
    char fault[FAULT_SIZE];
    int length = snprintf(text, STATUS_SIZE,
        "Serving: generation %llu, %zu services, %u workers",
        (unsigned long long)master->generation, config->service_count,
        master->workers);

    if (master->reload_state == RELOAD_FAILED) {
        put_fault(fault, sizeof(fault), master->reload_text);
        snprintf(text + length, STATUS_SIZE - (size_t)length,
            "; the last reload failed: %s", fault);
    }
    return text;
}

void
manager_state_ready(struct master *master, bool taken_over)
{
    char text[STATUS_SIZE];

    if (taken_over)
        fdstore_refill(master);
    else
        fdstore_fill(master);
    notify_send(&master->notify, "READY=1\nSTATUS=%s", status(master, text));
    watchdog_start(master);
}

void
manager_state_failure(struct master *master, const struct error *error)
{
    char fault[FAULT_SIZE];

    put_fault(fault, sizeof(fault),
        error->count > 0 ? error->messages[0] : "out of memory");
    notify_send(&master->notify, "STATUS=Cannot start: %s", fault);
}

static unsigned long long
monotonic_us(void)
{
    struct timespec now;

    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        return 0;
    return (unsigned long long)now.tv_sec * 1000000 +
        (unsigned long long)now.tv_nsec / 1000;
}

void
manager_state_reloading(struct master *master)
{
    notify_send(&master->notify,
        "RELOADING=1\nMONOTONIC_USEC=%llu\nSTATUS=Reloading", monotonic_us());
}

void
manager_state_reloaded(struct master *master)
{
    char text[STATUS_SIZE];

    fdstore_fill(master);
    notify_send(&master->notify, "READY=1\nSTATUS=%s", status(master, text));
}

void
manager_state_status(struct master *master)
{
    char text[STATUS_SIZE];

    notify_send(&master->notify, "STATUS=%s", status(master, text));
}

static void
tell_draining(struct master *master, const char *first)
{
    uint64_t now_ms = clock_now_ms(), until_ms = master->manager_state.until_ms;
    uint64_t left_ms = until_ms > now_ms ? until_ms - now_ms : 0;
    uint64_t more_ms = left_ms < EXTEND_MS ? left_ms : EXTEND_MS;

    notify_send(&master->notify,
        "%sEXTEND_TIMEOUT_USEC=%llu\nSTATUS=Stopping: %llu connections left%s",
        first, (unsigned long long)more_ms * 1000,
        (unsigned long long)scoreboard_active(master->board, SCOREBOARD_ALL),
        upgrade_has_elder(master) ? ", and some from before an upgrade" : "");
}

static void
on_extend(evutil_socket_t fd, short what, void *arg)
{
    struct master *master = arg;

    (void)fd;
    (void)what;
    if (clock_now_ms() < master->manager_state.until_ms)
        tell_draining(master, "");
    else
        event_del(master->manager_state.timer);
}

/* A manager's own patience (TimeoutStopSec=) may be shorter than what the
 * configuration promises to connections. */
void
manager_state_stopping(struct master *master, uint64_t timeout_ms)
{
    struct manager_state *manager_state = &master->manager_state;
    struct timeval every = clock_span(EXTEND_EVERY_MS);

    if (!notify_is_on(&master->notify))
        return;
    manager_state->until_ms = clock_now_ms() + timeout_ms + END_MS;
    tell_draining(master, "STOPPING=1\n");
    if (manager_state->timer == NULL)
        manager_state->timer =
            event_new(master->base, -1, EV_PERSIST, on_extend, master);
    if (manager_state->timer == NULL ||
        event_add(manager_state->timer, &every) < 0)
        log_error(NULL, "cannot ask for more time: out of memory");
}

/* What the next one sends is heard from the moment that this has been. */
bool
manager_state_successor(struct master *master, int pid)
{
    bool has_manager = notify_is_on(&master->notify);

    watchdog_stop(&master->watchdog);
    notify_send(&master->notify, "MAINPID=%d", pid);
    if (!notify_flush(&master->notify, FLUSH_MS))
        log_error(NULL, "the service manager does not hear of pid %d", pid);
    notify_leave(&master->notify);
    return has_manager;
}

void
manager_state_free(struct master *master)
{
    if (master->manager_state.timer != NULL)
        event_free(master->manager_state.timer);
    master->manager_state.timer = NULL;
    if (notify_is_on(&master->notify))
        (void)notify_flush(&master->notify, FLUSH_MS);
    watchdog_stop(&master->watchdog);
    notify_free(&master->notify);
}
