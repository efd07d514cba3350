#include "process/fleet.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"
#include "base/log.h"
#include "process/channel.h"
#include "process/child.h"
#include "process/master_parts.h"
#include "process/observer.h"
#include "process/pulse.h"
#include "process/scout.h"
#include "process/spawn.h"
#include "process/worker.h"
#include "process/worker_inbox.h"

static void
close_inbox(struct inbox *inbox)
{
    if (inbox->read_fd >= 0) {
        close(inbox->read_fd);
        close(inbox->send_fd);
    }
    *inbox = (struct inbox){ .read_fd = -1, .send_fd = -1 };
}

void
fleet_init(struct fleet *fleet, struct master *master)
{
    for (unsigned i = 0; i < WORKERS_MAX; i++) {
        fleet->workers[i] = (struct post){
            .master = master,
            .role = ROLE_WORKER,
            .number = i,
        };
        fleet->inboxes[i] = (struct inbox){ .read_fd = -1, .send_fd = -1 };
    }
    fleet->scout = (struct post){ .master = master, .role = ROLE_SCOUT };
    fleet->observer = (struct post){ .master = master, .role = ROLE_OBSERVER };
    fleet->control_fd = -1;
}

void
fleet_clear(struct fleet *fleet)
{
    for (unsigned i = 0; i < WORKERS_MAX; i++) {
        post_give_up(&fleet->workers[i]);
        close_inbox(&fleet->inboxes[i]);
    }
    post_give_up(&fleet->scout);
    post_give_up(&fleet->observer);
}

static struct child *
start_worker(struct post *post)
{
    struct master *master = post->master;
    struct inbox *inbox = &master->fleet.inboxes[post->number];
    struct worker_seed seed = {
        .board = master->board,
        .secret = &master->secret,
        .number = post->number,
        .pulse_ms = watchdog_pulse_ms(&master->watchdog),
    };
    struct spawn spawn = {
        .role = ROLE_WORKER,
        .number = post->number,
        .account = &master->account,
        .keep = { -1, -1 },
        .run = worker_run,
        .arg = &seed,
    };

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
    case ROLE_SCOUT:
        return start_scout(post);
    default:
        return start_observer(post);
    }
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

static void
join_scout(struct child *worker, struct child *scout)
{
    int pair[2];

    if (!channel_pair(pair)) {
        log_error(NULL, "cannot join a worker to the scout: %m");
        return;
    }
    child_send(worker, MESSAGE_SCOUT, NULL, NULL, 0, pair[0]);
    child_send(scout, MESSAGE_SCOUT, NULL, NULL, 0, pair[1]);
    close(pair[0]);
    close(pair[1]);
}

static void
welcome_worker(struct child *worker)
{
    struct fleet *fleet = &worker->master->fleet;

    for (unsigned i = 0; i < WORKERS_MAX; i++) {
        struct child *other = fleet->workers[i].child;

        if (other == NULL || other == worker)
            continue;
        tell_inbox(other, worker, true);
        tell_inbox(worker, other, true);
    }
    if (fleet->scout.child != NULL)
        join_scout(worker, fleet->scout.child);
    rollout_brief(worker);
}

void
fleet_welcome(struct child *child)
{
    struct master *master = child->master;

    if (child->role == ROLE_WORKER)
        welcome_worker(child);
    if (child->role != ROLE_SCOUT)
        return;
    for (struct child *each = master->children; each != NULL;
         each = each->next)
        if (each->role == ROLE_WORKER)
            join_scout(each, child);
}

void
fleet_grow(struct master *master, unsigned count)
{
    struct fleet *fleet = &master->fleet;

    for (unsigned i = 0; i < count; i++)
        post_fill(&fleet->workers[i]);
    if (count > fleet->count)
        fleet->count = count;
}

static void
forget_inbox(struct fleet *fleet, const struct child *worker)
{
    for (unsigned i = 0; i < WORKERS_MAX; i++)
        if (fleet->workers[i].child != NULL)
            tell_inbox(fleet->workers[i].child, worker, false);
}

void
fleet_part_from(const struct child *child)
{
    struct fleet *fleet = &child->master->fleet;

    if (child->role == ROLE_WORKER &&
        fleet->inboxes[child->number].send_fd >= 0)
        forget_inbox(fleet, child);
}

/* Those that stay take over its sockets and its inbox is read until it ends, so
 * nothing that was accepted or queued is lost. */
static void
retire(struct post *post)
{
    static const struct message_drain no_limit = { 0 };
    struct child *worker = post_give_up(post);
    struct fleet *fleet = &post->master->fleet;

    if (worker != NULL) {
        forget_inbox(fleet, worker);
        worker->preparing = 0;
        child_send(worker, MESSAGE_DRAIN, &no_limit, NULL, 0, -1);
    }
    close_inbox(&fleet->inboxes[post->number]);
}

void
fleet_shrink(struct master *master, unsigned count)
{
    struct fleet *fleet = &master->fleet;

    for (unsigned i = count; i < WORKERS_MAX; i++)
        if (fleet->workers[i].wanted)
            retire(&fleet->workers[i]);
    fleet->count = count;
}

static bool
has_names(const struct config *config)
{
    struct address address;

    for (size_t i = 0; i < config->service_count; i++) {
        const struct endpoints *connect = &config->services[i].connect;

        for (size_t j = 0; j < connect->count; j++) {
            const struct endpoint *server = &connect->items[j];

            if (server->kind == ENDPOINT_INET && server->host != NULL &&
                !address_from_numeric(&address, server->host, server->port))
                return true;
        }
    }
    return false;
}

/* A helper ends when its way to the master does. */
static void
dismiss(struct post *post)
{
    struct child *child = post_give_up(post);

    if (child != NULL)
        child_let_go(child);
}

void
fleet_need_scout(struct master *master, const struct config *config)
{
    if (has_names(config))
        post_fill(&master->fleet.scout);
}

void
fleet_dismiss_scout(struct master *master, const struct config *config)
{
    if (!has_names(config))
        dismiss(&master->fleet.scout);
}

bool
fleet_close_control(struct fleet *fleet)
{
    if (fleet->control_fd < 0)
        return false;
    close(fleet->control_fd);
    fleet->control_fd = -1;
    return true;
}

static void
tell_workers(struct master *master, enum message_type type,
    const void *fixed, const char *text)
{
    for (struct child *each = master->children; each != NULL;
         each = each->next)
        if (each->role == ROLE_WORKER)
            child_send(each, type, fixed, text,
                text != NULL ? strlen(text) : 0, -1);
}

void
fleet_drain(
    struct master *master, const char *service, uint64_t timeout_ms)
{
    const struct message_drain fixed = { .timeout_ms = timeout_ms };

    tell_workers(master, MESSAGE_DRAIN, &fixed, service);
}

void
fleet_end_now(struct master *master)
{
    tell_workers(master, MESSAGE_END, NULL, NULL);
}

void
fleet_disband(struct master *master)
{
    struct fleet *fleet = &master->fleet;

    for (unsigned i = 0; i < WORKERS_MAX; i++)
        post_give_up(&fleet->workers[i]);
    dismiss(&fleet->scout);
    dismiss(&fleet->observer);
}

void
fleet_wake_workers(struct master *master)
{
    const struct fleet *fleet = &master->fleet;

    for (unsigned i = 0; i < WORKERS_MAX; i++)
        if (fleet->inboxes[i].send_fd >= 0)
            worker_inbox_send_room(fleet->inboxes[i].send_fd);
}
