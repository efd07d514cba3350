#include "master/manager_state.h"

#include <event2/event.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/escape.h"
#include "base/log.h"
#include "base/number.h"
#include "systemd/notify.h"

enum {
    STATUS_SIZE = 700,
    FAULT_SIZE = 400,

    /* More time is asked for long before the last is over. */
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

void
manager_state_init(struct manager_state *state, struct notify *notify,
    void (*look)(void *arg, struct manager_status *status), void *arg)
{
    *state = (struct manager_state){
        .notify = notify,
        .look = look,
        .arg = arg,
    };
}

static const char *
serving_text(const struct manager_state *state, char text[STATUS_SIZE])
{
    struct manager_status status = { 0 };
    char fault[FAULT_SIZE];
    int length;

    state->look(state->arg, &status);
    length = snprintf(text, STATUS_SIZE,
        "Serving: generation %llu, %zu service%s, %u worker%s",
        (unsigned long long)status.generation, status.services,
        number_plural(status.services), status.workers,
        number_plural(status.workers));
    if (status.reload_fault != NULL || status.reload_warning != NULL) {
        put_fault(fault, sizeof(fault), status.reload_fault != NULL
            ? status.reload_fault : status.reload_warning);
        snprintf(text + length, STATUS_SIZE - (size_t)length,
            "; the last reload %s: %s",
            status.reload_fault != NULL ? "failed" : "warned of", fault);
    }
    return text;
}

void
manager_state_ready(struct manager_state *state)
{
    char text[STATUS_SIZE];

    notify_send(
        state->notify, "READY=1\nSTATUS=%s", serving_text(state, text));
}

void
manager_state_failure(
    struct manager_state *state, const struct error *error)
{
    char fault[FAULT_SIZE];

    put_fault(fault, sizeof(fault), error_first(error));
    notify_send(state->notify, "STATUS=Cannot start: %s", fault);
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
manager_state_reloading(struct manager_state *state)
{
    notify_send(state->notify,
        "RELOADING=1\nMONOTONIC_USEC=%llu\nSTATUS=Reloading", monotonic_us());
}

void
manager_state_reloaded(struct manager_state *state)
{
    manager_state_ready(state);
}

void
manager_state_status(struct manager_state *state)
{
    char text[STATUS_SIZE];

    notify_send(state->notify, "STATUS=%s", serving_text(state, text));
}

static const char *
stopping_text(const struct manager_status *status, char text[STATUS_SIZE])
{
    unsigned long long count = status->connections;

    snprintf(text, STATUS_SIZE, "Stopping");
    if (count > 0)
        snprintf(text, STATUS_SIZE, "Stopping: %llu connection%s left%s", count,
            number_plural(count), status->has_predecessor
                ? ", and some from before an upgrade"
                : "");
    else if (status->has_predecessor)
        snprintf(text, STATUS_SIZE,
            "Stopping: connections from before an upgrade are left");
    return text;
}

static void
send_draining(struct manager_state *state, const char *first)
{
    struct manager_status status = { 0 };
    char text[STATUS_SIZE];
    uint64_t now_ms = clock_now_ms(), until_ms = state->until_ms;
    uint64_t left_ms = until_ms > now_ms ? until_ms - now_ms : 0;
    uint64_t more_ms = left_ms < EXTEND_MS ? left_ms : EXTEND_MS;

    state->look(state->arg, &status);
    notify_send(state->notify, "%sEXTEND_TIMEOUT_USEC=%llu\nSTATUS=%s", first,
        (unsigned long long)more_ms * 1000, stopping_text(&status, text));
}

static void
on_extend(evutil_socket_t fd, short what, void *arg)
{
    struct manager_state *state = arg;

    (void)fd;
    (void)what;
    if (clock_now_ms() < state->until_ms)
        send_draining(state, "");
    else
        event_del(state->timer);
}

/* A manager's own patience (TimeoutStopSec=) may be shorter than what the
 * configuration promises to connections. */
void
manager_state_stopping(struct manager_state *state, uint64_t timeout_ms)
{
    struct timeval every = clock_span(EXTEND_EVERY_MS);

    if (!notify_is_on(state->notify))
        return;
    state->until_ms = clock_now_ms() + timeout_ms + END_MS;
    send_draining(state, "STOPPING=1\n");
    if (state->timer == NULL)
        state->timer =
            event_new(state->base, -1, EV_PERSIST, on_extend, state);
    if (state->timer == NULL || event_add(state->timer, &every) < 0)
        log_error(NULL, "cannot ask for more time: out of memory");
}

/* systemd accepts the successor's messages only after this MAINPID=, so it is
 * flushed first. */
bool
manager_state_successor(struct manager_state *state, int pid)
{
    bool has_manager = notify_is_on(state->notify);

    notify_send(state->notify, "MAINPID=%d", pid);
    if (!notify_flush(state->notify, FLUSH_MS))
        log_error(NULL, "cannot tell systemd the new main pid %d", pid);
    notify_leave(state->notify);
    return has_manager;
}

void
manager_state_free(struct manager_state *state)
{
    if (state->timer != NULL)
        event_free(state->timer);
    state->timer = NULL;
    if (notify_is_on(state->notify))
        (void)notify_flush(state->notify, FLUSH_MS);
}
