#include "master/upgrade_internal.h"

#include <event2/event.h>

#include "base/clock.h"
#include "base/log.h"
#include "ipc/channel.h"
#include "master/master_internal.h"

/* Beyond the time that its connections have. */
enum { ELDER_GRACE_MS = 5000 };

bool
upgrade_has_elder(const struct master *master)
{
    return master->upgrade.before != NULL && !master->upgrade.inherits;
}

static void
tell_elder(struct master *master, enum message_type type, const void *fixed)
{
    if (upgrade_has_elder(master))
        channel_send(
            master->upgrade.before, type, fixed, NULL, 0, NULL, 0);
}

void
upgrade_forget_elder(struct upgrade *upgrade)
{
    channel_free(upgrade->before);
    upgrade->before = NULL;
    if (upgrade->predecessor_timer != NULL)
        event_free(upgrade->predecessor_timer);
    upgrade->predecessor_timer = NULL;
}

static void
on_elder_stuck(evutil_socket_t fd, short what, void *arg)
{
    struct master *master = arg;

    (void)fd;
    (void)what;
    log_error(NULL, "the processes from before the upgrade do not end, and "
        "are left behind");
    upgrade_forget_elder(&master->upgrade);
    master_finish_if_alone(master);
}

/* It cannot keep us for ever. */
static void
limit_elder(struct master *master, uint64_t timeout_ms)
{
    struct timeval timeout = clock_span(timeout_ms);
    struct upgrade *upgrade = &master->upgrade;

    if (!upgrade_has_elder(master))
        return;
    if (upgrade->predecessor_timer == NULL)
        upgrade->predecessor_timer =
            evtimer_new(master->base, on_elder_stuck, master);
    if (upgrade->predecessor_timer != NULL)
        event_add(upgrade->predecessor_timer, &timeout);
}

void
upgrade_stop_elder(struct master *master, uint64_t timeout_ms)
{
    const struct message_stop fixed = { .timeout_ms = timeout_ms };

    tell_elder(master, MESSAGE_STOP, &fixed);
    limit_elder(master, timeout_ms + ELDER_GRACE_MS);
}

void
upgrade_end_elder(struct master *master)
{
    tell_elder(master, MESSAGE_STOP_NOW, NULL);
    limit_elder(master, ELDER_GRACE_MS);
}

void
upgrade_reopen_elder_log(struct master *master)
{
    tell_elder(master, MESSAGE_REOPEN, NULL);
}
