#include "master/dispatch.h"

#include <event2/event.h>

#include "base/clock.h"
#include "base/scoreboard.h"
#include "ipc/message.h"
#include "master/parts.h"
#include "master/requests.h"

static void
on_wanted(void *arg, struct child *child, const struct message *message, int fd)
{
    struct master *master = arg;

    (void)fd;
    rollout_wanted(&master->rollout, child, message);
}

static void
on_fault(void *arg, struct child *child, const struct message *message, int fd)
{
    struct master *master = arg;

    (void)fd;
    rollout_fault(&master->rollout, child, message);
}

static void
on_warning(
    void *arg, struct child *child, const struct message *message, int fd)
{
    struct master *master = arg;

    (void)fd;
    rollout_warning(&master->rollout, child, message);
}

static void
on_cert(void *arg, struct child *child, const struct message *message, int fd)
{
    struct master *master = arg;

    (void)fd;
    rollout_cert(&master->rollout, child, message);
}

static void
on_left_out(
    void *arg, struct child *child, const struct message *message, int fd)
{
    struct master *master = arg;

    (void)fd;
    rollout_left_out(&master->rollout, child, message);
}

static void
on_verdict(void *arg, struct child *child, const struct message *message, int fd)
{
    struct master *master = arg;

    (void)fd;
    rollout_verdict(&master->rollout, child, message);
}

static void
on_prepared(void *arg, struct child *child, const struct message *message, int fd)
{
    struct master *master = arg;

    (void)fd;
    rollout_prepared(&master->rollout, child, message);
}

static void
on_committed(void *arg, struct child *child, const struct message *message, int fd)
{
    struct master *master = arg;

    (void)fd;
    rollout_committed(&master->rollout, child, message);
}

static void
on_bound(void *arg, struct child *child, const struct message *message, int fd)
{
    struct master *master = arg;

    rollout_bound(&master->rollout, child, message, fd);
}

static void
on_child_ready(void *arg, struct child *child, const struct message *message,
    int fd)
{
    struct master *master = arg;

    (void)message;
    (void)fd;
    child->liveness.ready = true;
    liveness_note(&child->liveness);
    supervisor_note_progress(&master->supervisor);
}

/* The heartbeat is published, so that workers hand no connection to one that is
 * stuck. */
static void
on_heartbeat(
    void *arg, struct child *child, const struct message *message, int fd)
{
    struct master *master = arg;

    (void)message;
    (void)fd;
    liveness_note(&child->liveness);
    scoreboard_beat(master->children.board, child->slot, clock_now_ms());
}

static void
on_worker_lost_keeper(
    void *arg, struct child *child, const struct message *message, int fd)
{
    struct master *master = arg;

    (void)message;
    (void)fd;
    supervisor_join_keeper(&master->supervisor, child);
}

static void
on_worker_lost_scout(
    void *arg, struct child *child, const struct message *message, int fd)
{
    struct master *master = arg;

    (void)message;
    (void)fd;
    supervisor_join_scout(&master->supervisor, child);
}

static void
on_request(
    void *arg, struct child *child, const struct message *message, int fd)
{
    (void)fd;
    requests_on_message(arg, child, message);
}

static child_message_fn *const handlers[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_WANTED] = on_wanted,
    [MESSAGE_BOUND] = on_bound,
    [MESSAGE_FAULT] = on_fault,
    [MESSAGE_WARNING] = on_warning,
    [MESSAGE_CERT] = on_cert,
    [MESSAGE_LEFT_OUT] = on_left_out,
    [MESSAGE_VERDICT] = on_verdict,
    [MESSAGE_READY] = on_child_ready,
    [MESSAGE_PREPARED] = on_prepared,
    [MESSAGE_COMMITTED] = on_committed,
    [MESSAGE_KEEPER_LOST] = on_worker_lost_keeper,
    [MESSAGE_SCOUT_LOST] = on_worker_lost_scout,
    [MESSAGE_REQUEST] = on_request,
    [MESSAGE_HEARTBEAT] = on_heartbeat,
};

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
    .handlers = handlers,
    .ended = on_child_ended,
};
