#include "process/hear.h"

#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/log.h"
#include "process/child.h"
#include "process/fleet.h"
#include "process/master_parts.h"
#include "process/master_reload.h"
#include "process/message.h"
#include "process/requests.h"
#include "process/rollout.h"

/* Every process notices at once, and none may have us do it again and again. */
enum { LOG_REOPEN_MS = 500 };

static void
hear_nothing(struct child *child, const struct message *message)
{
    (void)child;
    (void)message;
}

/* The socket of a syslogd that has gone: they all have the same. */
static void
hear_log_lost(struct child *child, const struct message *message)
{
    struct master *master = child->master;
    uint64_t now_ms = clock_now_ms();

    (void)message;
    if (now_ms - master->log_reopened_ms < LOG_REOPEN_MS)
        return;
    master->log_reopened_ms = now_ms;
    if (log_reopen())
        master_tell_log(master);
}

static void
hear_ready(struct child *child, const struct message *message)
{
    (void)message;
    child->ready = true;
    master_begin_if_ready(child->master);
}

static void
hear_keeper_lost(struct child *child, const struct message *message)
{
    (void)message;
    fleet_join_keeper(child);
}

static void
hear_scout_lost(struct child *child, const struct message *message)
{
    (void)message;
    fleet_join_scout(child);
}

/* message.c has seen to it that each comes from whom it may come. */
static void (*const hearers[MESSAGE_TYPE_COUNT])(
    struct child *, const struct message *) = {
    [MESSAGE_FAULT] = rollout_fault,
    [MESSAGE_VERDICT] = rollout_verdict,
    [MESSAGE_READY] = hear_ready,
    [MESSAGE_PREPARED] = rollout_prepared,
    [MESSAGE_SWITCHED] = rollout_switched,
    [MESSAGE_DRAINED] = hear_nothing,
    [MESSAGE_LOG_LOST] = hear_log_lost,
    [MESSAGE_KEEPER_LOST] = hear_keeper_lost,
    [MESSAGE_SCOUT_LOST] = hear_scout_lost,
    [MESSAGE_REQUEST] = requests_hear,
};

void
hear(struct child *child, const struct message *message, int fd)
{
    if (message->type == MESSAGE_BOUND)
        rollout_bound(child, message, fd);
    else if (hearers[message->type] != NULL)
        hearers[message->type](child, message);
}
