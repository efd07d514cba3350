#include "process/fleet_parts.h"

#include <unistd.h>

#include "base/log.h"
#include "process/child.h"
#include "process/keeper.h"
#include "process/master_parts.h"
#include "process/observer.h"
#include "process/pulse.h"
#include "process/sandbox.h"
#include "process/scout.h"
#include "process/spawn.h"
#include "process/worker.h"
#include "process/worker_inbox.h"

/* What is prepared may be cancelled, and then it serves what is in force. */
static void
find_reach(const struct post *post, struct sandbox_reach *reach)
{
    const struct master *master = post->master;

    if (fleet_must_end_reliefs(post)) {
        sandbox_reach_anywhere(reach);
        log_warn(NULL, "worker %u may connect anywhere: too many that were "
            "there before it still have connections", post->number);
        return;
    }
    *reach = (struct sandbox_reach){ .unix_sockets = false };
    if (master->config != NULL)
        sandbox_reach_add(reach, master->config);
    if (master->rollout.config != NULL)
        sandbox_reach_add(reach, master->rollout.config);
}

static struct child *
start_worker(struct post *post)
{
    struct master *master = post->master;
    struct inbox *inbox = &master->fleet.inboxes[post->number];
    struct sandbox_reach reach;
    struct worker_seed seed = {
        .board = master->board,
        .secret = &master->secret,
        .keeps_no_keys = master->keeps_keys,
        .number = post->number,
        .pulse_ms = watchdog_pulse_ms(&master->watchdog),
    };
    struct spawn spawn = {
        .role = ROLE_WORKER,
        .number = post->number,
        .account = &master->account,
        .keep = { -1, -1 },
        .reach = &reach,
        .run = worker_run,
        .arg = &seed,
    };

    find_reach(post, &reach);
    if (inbox->read_fd < 0 &&
        !worker_inbox_pair(&inbox->read_fd, &inbox->send_fd)) {
        log_error(NULL, "cannot start a worker: %m");
        return NULL;
    }
    seed.inbox_fd = spawn.keep[0] = inbox->read_fd;
    return child_start(master, post, &spawn);
}

static struct pulse_seed
pulse_of(const struct master *master, unsigned slot)
{
    return (struct pulse_seed){
        .board = master->board,
        .slot = slot,
        .every_ms = watchdog_pulse_ms(&master->watchdog),
    };
}

static int
keeper_main(void *arg, unsigned slot, int fd)
{
    const struct pulse_seed pulse = pulse_of(arg, slot);

    return keeper_run(fd, &pulse);
}

static struct child *
start_keeper(struct post *post)
{
    const struct spawn spawn = {
        .role = ROLE_KEEPER,
        .number = post->number,
        .account = &post->master->keeper_account,
        .keep = { -1, -1 },
        .run = keeper_main,
        .arg = post->master,
    };

    return child_start(post->master, post, &spawn);
}

static int
scout_main(void *arg, unsigned slot, int fd)
{
    const struct master *master = arg;
    const struct pulse_seed pulse = pulse_of(master, slot);

    return scout_run(fd, &pulse);
}

static struct child *
start_scout(struct post *post)
{
    const struct spawn spawn = {
        .role = ROLE_SCOUT,
        .account = &post->master->account,
        .keep = { -1, -1 },
        .run = scout_main,
        .arg = post->master,
    };

    return child_start(post->master, post, &spawn);
}

static int
observer_main(void *arg, unsigned slot, int fd)
{
    const struct master *master = arg;
    const struct pulse_seed pulse = pulse_of(master, slot);

    return observer_run(fd, master->fleet.control_fd, master->board,
        geteuid(), &pulse);
}

static struct child *
start_observer(struct post *post)
{
    struct master *master = post->master;
    const struct spawn spawn = {
        .role = ROLE_OBSERVER,
        .account = &master->account,
        .keep = { master->fleet.control_fd, -1 },
        .run = observer_main,
        .arg = master,
    };

    return child_start(master, post, &spawn);
}

struct child *
fleet_start(struct post *post)
{
    switch (post->role) {
    case ROLE_WORKER:
        return start_worker(post);
    case ROLE_KEEPER:
        return start_keeper(post);
    case ROLE_SCOUT:
        return start_scout(post);
    default:
        return start_observer(post);
    }
}
