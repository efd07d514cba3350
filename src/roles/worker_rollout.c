#include "roles/worker_rollout.h"

#include <assert.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "ipc/message_socket.h"
#include "relay/relay.h"
#include "roles/fd_budget.h"

static void
answer_worker_prepare(struct worker_rollout *rollout, uint64_t generation,
    bool ok, bool given_up)
{
    const struct message_verdict verdict = {
        .generation = generation,
        .ok = ok,
        .given_up = given_up,
    };

    rollout->calls->say(
        rollout->arg, MESSAGE_PREPARED, &verdict, NULL, 0);
}

static void
work_later(struct worker_rollout *rollout)
{
    loop_defer(rollout->relay->loop, &rollout->task);
}

/* Whatever state it is in. */
static void
drop_plan(struct worker_rollout *rollout)
{
    if (rollout->plan.state == PLAN_PREPARING)
        answer_worker_prepare(rollout, rollout->plan.generation, false, true);
    worker_generation_clear(&rollout->plan, &rollout->old);
    if (rollout->old.count > 0)
        work_later(rollout);
}

static void
fail_generation(struct worker_rollout *rollout)
{
    struct worker_generation *plan = &rollout->plan;
    uint64_t generation = plan->generation;

    for (size_t i = 0; i < plan->error.count; i++)
        rollout->calls->say(rollout->arg, MESSAGE_FAULT, NULL,
            plan->error.messages[i], strlen(plan->error.messages[i]));
    plan->state = PLAN_TOLD;
    drop_plan(rollout);
    answer_worker_prepare(rollout, generation, false, false);
}

/* The master has raised the limit for workers that it starts; for those that are
 * there it may lack the right: prlimit(2) asks for CAP_SYS_RESOURCE, which
 * containers do without. */
static void
raise_limit(const struct config *config)
{
    fd_budget_prepare(config, config_workers(config));
}

/* The trial has said all that there is to warn of. */
static void
prepare_more(struct worker_rollout *rollout)
{
    struct worker_generation *plan = &rollout->plan;
    bool ok;

    log_hush(true);
    ok = worker_generation_step(plan, &rollout->basis);
    log_hush(false);
    if (!ok) {
        fail_generation(rollout);
    } else if (plan->state == PLAN_PREPARED) {
        raise_limit(plan->config);
        log_debug(NULL, "the configuration is loaded");
        answer_worker_prepare(rollout, plan->generation, true, false);
    }
}

/* False: there is nothing to do. */
static bool
work_once(struct worker_rollout *rollout)
{
    if (rollout->plan.state == PLAN_PREPARING) {
        prepare_more(rollout);
        return true;
    }
    return services_old_step(&rollout->old);
}

static void
on_turn(void *arg)
{
    struct worker_rollout *rollout = arg;
    bool more;

    slice_begin(&rollout->slice, clock_cpu_ns());
    do
        more = work_once(rollout);
    while (more && slice_goes_on(&rollout->slice, clock_cpu_ns()));
    slice_end(&rollout->slice, clock_cpu_ns());
    if (more)
        work_later(rollout);
    else
        rollout->slice = (struct slice){ 0 };
}

void
worker_rollout_init(struct worker_rollout *rollout, struct relay *relay,
    const struct tls_ticket_secrets *tickets, struct tls_signer *signer,
    const struct worker_rollout_calls *calls, void *arg)
{
    *rollout = (struct worker_rollout){
        .relay = relay,
        .calls = calls,
        .arg = arg,
        .basis = { .relay = relay, .tickets = tickets, .signer = signer },
        .plan = { .bundle_fd = -1 },
        .task = { .run = on_turn, .arg = rollout },
    };
}

static void
on_bundle(
    struct worker_rollout *rollout, const struct message *message, int fd)
{
    const struct message_generation *fixed = message->payload;

    drop_plan(rollout);
    worker_generation_begin(&rollout->plan, fixed->generation, fd,
        &rollout->old);
}

/* False: out of memory, and the descriptor is closed. */
static bool
read_socket(
    const struct message *message, int fd, struct planned_socket *planned)
{
    const struct message_socket *fixed = message->payload;

    *planned = (struct planned_socket){
        .id = fixed->id,
        .serve = fixed->serve != 0,
    };
    if (message_socket_read(message, fd, &planned->socket, &planned->use))
        return true;
    close(fd);
    return false;
}

static void
on_socket_message(
    struct worker_rollout *rollout, const struct message *message, int fd)
{
    struct planned_socket planned;

    if (read_socket(message, fd, &planned))
        worker_generation_add(&rollout->plan, &planned);
}

static void
on_rebound(
    struct worker_rollout *rollout, const struct message *message, int fd)
{
    struct planned_socket planned;

    if (read_socket(message, fd, &planned))
        worker_generation_rebind(&rollout->plan, rollout->relay, &planned);
}

static void
on_cover(
    struct worker_rollout *rollout, const struct message *message, int fd)
{
    struct planned_socket planned;

    if (read_socket(message, fd, &planned))
        worker_generation_cover(rollout->relay, &planned);
}

static void
on_prepare(
    struct worker_rollout *rollout, const struct message *message, int fd)
{
    const struct message_generation *fixed = message->payload;
    struct worker_generation *plan = &rollout->plan;

    (void)fd;
    if (plan->state == PLAN_TOLD && plan->generation == fixed->generation) {
        plan->state = PLAN_PREPARING;
        log_debug(NULL, "loading a configuration");
        work_later(rollout);
        return;
    }
    drop_plan(rollout);
    answer_worker_prepare(rollout, fixed->generation, false, false);
}

static void
on_commit(
    struct worker_rollout *rollout, const struct message *message, int fd)
{
    const struct message_generation *fixed = message->payload;
    struct worker_generation *plan = &rollout->plan;

    (void)fd;
    if (plan->state != PLAN_PREPARED ||
        plan->generation != fixed->generation || rollout->relay->draining)
        return;
    rollout->calls->switching(rollout->arg);
    worker_generation_commit(plan, rollout->relay, &rollout->old);
    rollout->calls->switched(rollout->arg);
    if (rollout->old.count > 0)
        work_later(rollout);
    rollout->calls->say(rollout->arg, MESSAGE_COMMITTED, fixed, NULL, 0);
}

static void
on_abort(
    struct worker_rollout *rollout, const struct message *message, int fd)
{
    const struct message_generation *fixed = message->payload;

    (void)fd;
    if (rollout->plan.generation == fixed->generation)
        drop_plan(rollout);
}

void
worker_rollout_dispatch(
    struct worker_rollout *rollout, const struct message *message, int fd)
{
    static void (*const handlers[MESSAGE_TYPE_COUNT])(
        struct worker_rollout *, const struct message *, int) = {
        [MESSAGE_BUNDLE] = on_bundle,
        [MESSAGE_SOCKET] = on_socket_message,
        [MESSAGE_REBOUND] = on_rebound,
        [MESSAGE_COVER] = on_cover,
        [MESSAGE_PREPARE] = on_prepare,
        [MESSAGE_COMMIT] = on_commit,
        [MESSAGE_ABORT] = on_abort,
    };

    assert(handlers[message->type] != NULL);
    handlers[message->type](rollout, message, fd);
}

void
worker_rollout_drain(struct worker_rollout *rollout, const char *service)
{
    worker_generation_drain(&rollout->plan, service);
}

void
worker_rollout_give_up(struct worker_rollout *rollout)
{
    drop_plan(rollout);
}

void
worker_rollout_clear(struct worker_rollout *rollout)
{
    if (rollout->task.queued)
        loop_cancel(rollout->relay->loop, &rollout->task);
    worker_generation_clear(&rollout->plan, &rollout->old);
    services_old_clear(&rollout->old);
}
