#include "master/supervisor_internal.h"

#include "base/log.h"
#include "base/scoreboard.h"
#include "master/child.h"
#include "master/generation.h"
#include "master/spawn.h"
#include "sandbox/sandbox.h"

/* A generation that is prepared may be aborted, and then the worker serves the
 * active one: its reach covers both. */
static void
find_reach(const struct supervisor *supervisor,
    const struct instance *instance, struct sandbox_reach *reach)
{
    const struct generations *generations = supervisor->parts.generations;

    if (supervisor_must_end_replacements(supervisor, instance)) {
        sandbox_reach_anywhere(reach);
        log_warn(NULL, "worker %u may connect anywhere: too many that were "
            "there before it still have connections", instance->number);
        return;
    }
    *reach = (struct sandbox_reach){ .unix_sockets = false };
    if (generations->current.config != NULL)
        sandbox_reach_add(reach, generations->current.config);
    if (generations->next.config != NULL)
        sandbox_reach_add(reach, generations->next.config);
}

static struct child *
start_worker(struct supervisor *supervisor, struct instance *instance)
{
    const struct supervisor_parts *parts = &supervisor->parts;
    struct scoreboard *board = parts->children->board;
    struct sandbox_reach reach;
    const struct spawn spawn = {
        .role = ROLE_WORKER,
        .number = instance->number,
        .account = parts->account,
        .reach = &reach,
        .tickets = parts->tickets,
        .keeps_no_keys = parts->keeps_keys,
        .fds = {
            [ROLE_FD_SCOREBOARD] = scoreboard_descriptor(board),
            [ROLE_FD_BOARD_WRITE] = scoreboard_write_descriptor(board),
        },
    };

    find_reach(supervisor, instance, &reach);
    return child_start(parts->children, instance, &spawn);
}

static struct child *
start_keeper(struct supervisor *supervisor, struct instance *instance)
{
    const struct spawn spawn = {
        .role = ROLE_KEEPER,
        .number = instance->number,
        .account = supervisor->parts.keeper_account,
    };

    return child_start(supervisor->parts.children, instance, &spawn);
}

static struct child *
start_scout(struct supervisor *supervisor, struct instance *instance)
{
    const struct spawn spawn = {
        .role = ROLE_SCOUT,
        .account = supervisor->parts.account,
    };

    return child_start(supervisor->parts.children, instance, &spawn);
}

static struct child *
start_admin_process(struct supervisor *supervisor, struct instance *instance)
{
    const struct supervisor_parts *parts = &supervisor->parts;
    const struct spawn spawn = {
        .role = ROLE_ADMIN,
        .account = parts->account,
        .fds = {
            [ROLE_FD_SCOREBOARD] =
                scoreboard_descriptor(parts->children->board),
            [ROLE_FD_CONTROL] = supervisor->control_fd,
        },
    };

    return child_start(parts->children, instance, &spawn);
}

typedef struct child *start_fn(
    struct supervisor *supervisor, struct instance *instance);

static start_fn *const start_role[ROLE_COUNT] = {
    [ROLE_WORKER] = start_worker,
    [ROLE_KEEPER] = start_keeper,
    [ROLE_SCOUT] = start_scout,
    [ROLE_ADMIN] = start_admin_process,
};

static struct child *
start_instance(struct instance *instance)
{
    return start_role[instance->role](instance->arg, instance);
}

static void
on_instance_started(struct instance *instance)
{
    supervisor_link_child(instance->arg, instance->child);
}

static void
on_instance_vacant(struct instance *instance)
{
    supervisor_cover_sockets(instance->arg);
}

const struct instance_ops supervisor_instance_ops = {
    .start = start_instance,
    .started = on_instance_started,
    .vacant = on_instance_vacant,
};
