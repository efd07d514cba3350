#include "master/dispatch.h"

#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/scoreboard.h"
#include "ipc/message.h"
#include "master/child.h"
#include "master/master_internal.h"
#include "master/reload.h"
#include "master/requests.h"
#include "master/rollout.h"
#include "master/supervisor.h"

static void
on_nothing(struct child *child, const struct message *message)
{
    (void)child;
    (void)message;
}

static void
on_ready(struct child *child, const struct message *message)
{
    (void)message;
    child->liveness.ready = true;
    liveness_note(&child->liveness);
    master_begin_if_ready(child->master);
}

/* Published, so that workers hand no connection to one that is stuck. */
static void
on_heartbeat(struct child *child, const struct message *message)
{
    (void)message;
    liveness_note(&child->liveness);
    scoreboard_beat(child->master->board, child->slot, clock_now_ms());
}

static void
on_keeper_lost(struct child *child, const struct message *message)
{
    (void)message;
    supervisor_join_keeper(child);
}

static void
on_scout_lost(struct child *child, const struct message *message)
{
    (void)message;
    supervisor_join_scout(child);
}

/* message.c has seen to it that each comes from whom it may come. */
static void (*const handlers[MESSAGE_TYPE_COUNT])(
    struct child *, const struct message *) = {
    [MESSAGE_WANTED] = rollout_wanted,
    [MESSAGE_FAULT] = rollout_fault,
    [MESSAGE_VERDICT] = rollout_verdict,
    [MESSAGE_READY] = on_ready,
    [MESSAGE_PREPARED] = rollout_prepared,
    [MESSAGE_COMMITTED] = rollout_committed,
    [MESSAGE_DRAINED] = on_nothing,
    [MESSAGE_KEEPER_LOST] = on_keeper_lost,
    [MESSAGE_SCOUT_LOST] = on_scout_lost,
    [MESSAGE_REQUEST] = requests_on_message,
    [MESSAGE_HEARTBEAT] = on_heartbeat,
};

/* False: it is not heard any more. */
static bool
may_send(struct child *child, const struct message *message)
{
    char name[CHILD_NAME_SIZE];
    const char *wrong;

    if (child->killed)
        return false;
    wrong = conduct_judge(
        &child->conduct, child->role, message->type, clock_now_ms());
    if (wrong == NULL)
        return true;
    log_error(NULL, "%s says \"%s\" %s, and is killed",
        child_name(child, name), message_name(message->type), wrong);
    child_kill(child);
    return false;
}

void
dispatch_message(struct child *child, const struct message *message, int fd)
{
    if (!may_send(child, message)) {
        if (fd >= 0)
            close(fd);
        return;
    }
    if (message->type == MESSAGE_BOUND)
        rollout_bound(child, message, fd);
    else if (handlers[message->type] != NULL)
        handlers[message->type](child, message);
}
