#include "master/dispatch.h"

#include <event2/event.h>

#include <unistd.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/scoreboard.h"
#include "ipc/message.h"
#include "master/parts.h"
#include "master/requests.h"

static void
on_wanted(struct master *master, struct child *child,
    const struct message *message)
{
    rollout_wanted(&master->rollout, child, message);
}

static void
on_fault(struct master *master, struct child *child,
    const struct message *message)
{
    rollout_fault(&master->rollout, child, message);
}

static void
on_verdict(struct master *master, struct child *child,
    const struct message *message)
{
    rollout_verdict(&master->rollout, child, message);
}

static void
on_prepared(struct master *master, struct child *child,
    const struct message *message)
{
    rollout_prepared(&master->rollout, child, message);
}

static void
on_committed(struct master *master, struct child *child,
    const struct message *message)
{
    rollout_committed(&master->rollout, child, message);
}

static void
on_nothing(struct master *master, struct child *child,
    const struct message *message)
{
    (void)master;
    (void)child;
    (void)message;
}

static void
on_ready(struct master *master, struct child *child,
    const struct message *message)
{
    (void)message;
    child->liveness.ready = true;
    liveness_note(&child->liveness);
    supervisor_note_progress(&master->supervisor);
}

/* The heartbeat is published, so that workers hand no connection to one that is
 * stuck. */
static void
on_heartbeat(struct master *master, struct child *child,
    const struct message *message)
{
    (void)message;
    liveness_note(&child->liveness);
    scoreboard_beat(master->children.board, child->slot, clock_now_ms());
}

static void
on_keeper_lost(struct master *master, struct child *child,
    const struct message *message)
{
    (void)message;
    supervisor_join_keeper(&master->supervisor, child);
}

static void
on_scout_lost(struct master *master, struct child *child,
    const struct message *message)
{
    (void)message;
    supervisor_join_scout(&master->supervisor, child);
}

/* message.c has checked that each comes from a role that may send it. */
static void (*const handlers[MESSAGE_TYPE_COUNT])(struct master *,
    struct child *, const struct message *) = {
    [MESSAGE_WANTED] = on_wanted,
    [MESSAGE_FAULT] = on_fault,
    [MESSAGE_VERDICT] = on_verdict,
    [MESSAGE_READY] = on_ready,
    [MESSAGE_PREPARED] = on_prepared,
    [MESSAGE_COMMITTED] = on_committed,
    [MESSAGE_DRAINED] = on_nothing,
    [MESSAGE_KEEPER_LOST] = on_keeper_lost,
    [MESSAGE_SCOUT_LOST] = on_scout_lost,
    [MESSAGE_REQUEST] = requests_on_message,
    [MESSAGE_HEARTBEAT] = on_heartbeat,
};

/* False: the message is dropped, and the child is killed or was. */
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

static void
on_child_message(void *arg, struct child *child,
    const struct message *message, int fd)
{
    struct master *master = arg;

    if (!may_send(child, message)) {
        if (fd >= 0)
            close(fd);
        return;
    }
    if (message->type == MESSAGE_BOUND)
        rollout_bound(&master->rollout, child, message, fd);
    else if (handlers[message->type] != NULL)
        handlers[message->type](master, child, message);
}

static void
on_child_ended(void *arg, struct child *child)
{
    struct master *master = arg;
    uint64_t lived_ms = clock_now_ms() - child->started_ms;
    struct instance *instance = child->instance;

    if (instance != NULL)
        instance->child = NULL;
    supervisor_child_ended(&master->supervisor, child);
    requests_forget(master, child);
    listen_check(&master->listen_check);
    rollout_child_ended(&master->rollout, child);
    if (instance != NULL)
        instance_restart(instance, lived_ms);
    supervisor_wake_workers(&master->supervisor);
    master_end_if_alone(master);
}

const struct child_calls dispatch_calls = {
    .message = on_child_message,
    .ended = on_child_ended,
};
