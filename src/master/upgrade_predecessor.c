#include "master/upgrade_internal.h"

#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"
#include "ipc/channel.h"
#include "master/child.h"
#include "master/supervisor.h"

/* Beyond the time that the connections have. */
enum { PREDECESSOR_GRACE_MS = 5000 };

struct event_base *
upgrade_base(const struct upgrade *upgrade)
{
    return upgrade->parts.supervisor->parts.children->base;
}

bool
upgrade_has_predecessor(const struct upgrade *upgrade)
{
    return upgrade->before != NULL && !upgrade->inherits;
}

static void
send_predecessor(
    struct upgrade *upgrade, enum message_type type, const void *fixed)
{
    if (upgrade_has_predecessor(upgrade))
        channel_send(upgrade->before, type, fixed, NULL, 0, NULL, 0);
}

void
upgrade_forget_predecessor(struct upgrade *upgrade)
{
    channel_free(upgrade->before);
    upgrade->before = NULL;
    if (upgrade->predecessor_timer != NULL)
        event_free(upgrade->predecessor_timer);
    upgrade->predecessor_timer = NULL;
}

static void
leave_behind(struct upgrade *upgrade)
{
    log_error(NULL, "the processes from before the upgrade do not end, and "
        "are left behind");
    upgrade_forget_predecessor(upgrade);
    upgrade->parts.calls->predecessor_gone(upgrade->parts.arg);
}

static void
on_predecessor_stuck(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    leave_behind(arg);
}

/* The predecessor cannot keep us for ever. */
static void
limit_predecessor(struct upgrade *upgrade, uint64_t timeout_ms)
{
    struct timeval timeout = clock_span(timeout_ms);

    if (!upgrade_has_predecessor(upgrade))
        return;
    if (upgrade->predecessor_timer == NULL)
        upgrade->predecessor_timer = evtimer_new(
            upgrade_base(upgrade), on_predecessor_stuck, upgrade);
    if (upgrade->predecessor_timer == NULL ||
        event_add(upgrade->predecessor_timer, &timeout) < 0)
        leave_behind(upgrade);
}

void
upgrade_stop_predecessor(struct upgrade *upgrade, uint64_t timeout_ms)
{
    const struct message_stop fixed = { .timeout_ms = timeout_ms };

    send_predecessor(upgrade, MESSAGE_STOP, &fixed);
    limit_predecessor(upgrade, timeout_ms + PREDECESSOR_GRACE_MS);
}

void
upgrade_end_predecessor(struct upgrade *upgrade)
{
    send_predecessor(upgrade, MESSAGE_STOP_NOW, NULL);
    limit_predecessor(upgrade, PREDECESSOR_GRACE_MS);
}

void
upgrade_reopen_predecessor_log(struct upgrade *upgrade)
{
    send_predecessor(upgrade, MESSAGE_REOPEN, NULL);
}
