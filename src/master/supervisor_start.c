#include "master/supervisor_internal.h"

#include "base/log.h"
#include "base/scoreboard.h"
#include "master/child.h"
#include "master/master_internal.h"
#include "master/spawn.h"
#include "sandbox/sandbox.h"

/* What is prepared may be cancelled, and then it serves what is in force. */
static void
find_reach(const struct instance *instance, struct sandbox_reach *reach)
{
    const struct master *master = instance->master;

    if (supervisor_must_end_replacements(instance)) {
        sandbox_reach_anywhere(reach);
        log_warn(NULL, "worker %u may connect anywhere: too many that were "
            "there before it still have connections", instance->number);
        return;
    }
    *reach = (struct sandbox_reach){ .unix_sockets = false };
    if (master->config != NULL)
        sandbox_reach_add(reach, master->config);
    if (master->rollout.config != NULL)
        sandbox_reach_add(reach, master->rollout.config);
}

static struct child *
start_worker(struct instance *instance)
{
    struct master *master = instance->master;
    struct sandbox_reach reach;
    const struct spawn spawn = {
        .role = ROLE_WORKER,
        .number = instance->number,
        .account = &master->account,
        .reach = &reach,
        .secret = &master->secret,
        .keeps_no_keys = master->keeps_keys,
        .fds = {
            [ROLE_FD_SCOREBOARD] = scoreboard_descriptor(master->board),
            [ROLE_FD_BOARD_WRITE] = scoreboard_write_descriptor(master->board),
        },
    };

    find_reach(instance, &reach);
    return child_start(master, instance, &spawn);
}

static struct child *
start_keeper(struct instance *instance)
{
    const struct spawn spawn = {
        .role = ROLE_KEEPER,
        .number = instance->number,
        .account = &instance->master->keeper_account,
    };

    return child_start(instance->master, instance, &spawn);
}

static struct child *
start_scout(struct instance *instance)
{
    const struct spawn spawn = {
        .role = ROLE_SCOUT,
        .account = &instance->master->account,
    };

    return child_start(instance->master, instance, &spawn);
}

static struct child *
start_admin(struct instance *instance)
{
    struct master *master = instance->master;
    const struct spawn spawn = {
        .role = ROLE_ADMIN,
        .account = &master->account,
        .fds = {
            [ROLE_FD_SCOREBOARD] = scoreboard_descriptor(master->board),
            [ROLE_FD_CONTROL] = master->supervisor.control_fd,
        },
    };

    return child_start(master, instance, &spawn);
}

struct child *
supervisor_start_child(struct instance *instance)
{
    switch (instance->role) {
    case ROLE_WORKER:
        return start_worker(instance);
    case ROLE_KEEPER:
        return start_keeper(instance);
    case ROLE_SCOUT:
        return start_scout(instance);
    default:
        return start_admin(instance);
    }
}
