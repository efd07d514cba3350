#include "process/fleet_parts.h"

#include <unistd.h>

#include "base/log.h"
#include "process/briefing.h"
#include "process/channel.h"
#include "process/child.h"
#include "process/master_parts.h"

void
fleet_close_inbox(struct inbox *inbox)
{
    if (inbox->read_fd >= 0) {
        close(inbox->read_fd);
        close(inbox->send_fd);
    }
    *inbox = (struct inbox){ .read_fd = -1, .send_fd = -1 };
}

/* `from` may hand connections to `to`. */
static void
tell_inbox(struct child *from, const struct child *to, bool active)
{
    const struct message_inbox fixed = { .slot = to->slot, .active = active };
    const struct fleet *fleet = &from->master->fleet;

    child_send(from, MESSAGE_INBOX, &fixed, NULL, 0,
        fleet->inboxes[to->number].send_fd);
}

/* `type` brings each of them its way to the other. */
static void
join(struct child *worker, struct child *helper, enum message_type type)
{
    int pair[2];

    if (!channel_pair(pair)) {
        log_error(NULL, "cannot join a worker to the %s: %m",
            role_name(helper->role));
        return;
    }
    child_send(worker, type, NULL, NULL, 0, pair[0]);
    child_send(helper, type, NULL, NULL, 0, pair[1]);
    close(pair[0]);
    close(pair[1]);
}

unsigned
fleet_keeper_of(const struct child *worker)
{
    return worker->number / KEEPER_WORKERS;
}

static void
welcome_worker(struct child *worker)
{
    const struct fleet *fleet = &worker->master->fleet;

    for (unsigned i = 0; i < WORKERS_MAX; i++) {
        struct child *other = fleet->workers[i].child;

        if (other == NULL || other == worker)
            continue;
        tell_inbox(other, worker, true);
        tell_inbox(worker, other, true);
    }
    fleet_join_scout(worker);
    fleet_join_keeper(worker);
    briefing_send(worker);
}

void
fleet_join_keeper(struct child *worker)
{
    struct child *keeper =
        worker->master->fleet.keepers[fleet_keeper_of(worker)].child;

    if (keeper != NULL)
        join(worker, keeper, MESSAGE_KEEPER);
}

void
fleet_join_scout(struct child *worker)
{
    struct child *scout = worker->master->fleet.scout.child;

    if (scout != NULL)
        join(worker, scout, MESSAGE_SCOUT);
}

static void
welcome_scout(struct child *scout)
{
    for (struct child *each = scout->master->children; each != NULL;
         each = each->next)
        if (each->role == ROLE_WORKER)
            join(each, scout, MESSAGE_SCOUT);
}

/* Workers that retire too: they may be amid a handshake.  It has its keys
 * before it hears of anybody who has waited for it. */
static void
welcome_keeper(struct child *keeper)
{
    briefing_send(keeper);
    for (struct child *each = keeper->master->children; each != NULL;
         each = each->next)
        if (each->role == ROLE_WORKER &&
            fleet_keeper_of(each) == keeper->number)
            join(each, keeper, MESSAGE_KEEPER);
}

void
fleet_welcome(struct child *child)
{
    if (child->role == ROLE_WORKER)
        welcome_worker(child);
    else if (child->role == ROLE_SCOUT)
        welcome_scout(child);
    else if (child->role == ROLE_KEEPER)
        welcome_keeper(child);
}

void
fleet_forget_inbox(struct fleet *fleet, const struct child *worker)
{
    for (unsigned i = 0; i < WORKERS_MAX; i++)
        if (fleet->workers[i].child != NULL)
            tell_inbox(fleet->workers[i].child, worker, false);
}

void
fleet_send_home(struct child *worker, uint64_t generation)
{
    const struct message_drain no_limit = {
        .timeout_ms = MESSAGE_NO_LIMIT,
        .generation = generation,
    };

    fleet_forget_inbox(&worker->master->fleet, worker);
    worker->preparing = 0;
    worker->switching = generation;
    child_send(worker, MESSAGE_DRAIN, &no_limit, NULL, 0, -1);
}
