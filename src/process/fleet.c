#include "process/fleet.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"
#include "base/log.h"
#include "process/channel.h"
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
#include "tls/tls_vault.h"

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
    for (unsigned i = 0; i < KEEPERS_MAX; i++)
        fleet->keepers[i] = (struct post){
            .master = master,
            .role = ROLE_KEEPER,
            .number = i,
        };
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
    for (unsigned i = 0; i < KEEPERS_MAX; i++)
        post_give_up(&fleet->keepers[i]);
    post_give_up(&fleet->scout);
    post_give_up(&fleet->observer);
}

/* What is prepared may be cancelled, and then it serves what is in force. */
static void
find_reach(const struct master *master, struct sandbox_reach *reach)
{
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

    find_reach(master, &reach);
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

static unsigned
keeper_of(const struct child *worker)
{
    return worker->number / KEEPER_WORKERS;
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
        join(worker, fleet->scout.child, MESSAGE_SCOUT);
    fleet_join_keeper(worker);
    rollout_brief(worker);
}

void
fleet_join_keeper(struct child *worker)
{
    struct child *keeper =
        worker->master->fleet.keepers[keeper_of(worker)].child;

    if (keeper != NULL)
        join(worker, keeper, MESSAGE_KEEPER);
}

static void
welcome_scout(struct child *scout)
{
    for (struct child *each = scout->master->children; each != NULL;
         each = each->next)
        if (each->role == ROLE_WORKER)
            join(each, scout, MESSAGE_SCOUT);
}

/* Workers that retire too: they may be amid a handshake.  It has its keys before
 * it hears of anybody who has waited for it. */
static void
welcome_keeper(struct child *keeper)
{
    rollout_brief(keeper);
    for (struct child *each = keeper->master->children; each != NULL;
         each = each->next)
        if (each->role == ROLE_WORKER && keeper_of(each) == keeper->number)
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

/* Those that stay take over its sockets and its inbox is read until it ends, so
 * nothing that was accepted or queued is lost. */
static void
send_home(struct child *worker)
{
    static const struct message_drain no_limit = { 0 };

    forget_inbox(&worker->master->fleet, worker);
    worker->preparing = 0;
    child_send(worker, MESSAGE_DRAIN, &no_limit, NULL, 0, -1);
}

static void
retire(struct post *post)
{
    struct child *worker = post_give_up(post);

    if (worker != NULL)
        send_home(worker);
    close_inbox(&post->master->fleet.inboxes[post->number]);
}

void
fleet_relieve(struct post *post)
{
    struct fleet *fleet = &post->master->fleet;
    struct inbox *inbox = &fleet->inboxes[post->number];

    fleet->reliefs[post->number] = (struct relief){
        .pending = true, .worker = post->child, .inbox = *inbox,
    };
    *inbox = (struct inbox){ .read_fd = -1, .send_fd = -1 };
    post->child->post = NULL;
    post->child = NULL;
    post_fill(post);
}

void
fleet_confirm_reliefs(struct master *master)
{
    for (unsigned i = 0; i < WORKERS_MAX; i++) {
        struct relief *relief = &master->fleet.reliefs[i];

        if (!relief->pending)
            continue;
        if (relief->worker != NULL)
            send_home(relief->worker);
        close_inbox(&relief->inbox);
        relief->pending = false;
    }
}

static void
reinstate(struct fleet *fleet, struct post *post, struct relief *relief)
{
    struct child *late = post->child;

    post->child = relief->worker;
    if (post->child != NULL)
        post->child->post = post;
    relief->pending = false;
    if (late != NULL) {
        forget_inbox(fleet, late);
        late->post = NULL;
        child_kill(late);
    }
    close_inbox(&fleet->inboxes[post->number]);
    fleet->inboxes[post->number] = relief->inbox;
    post_fill(post);
}

void
fleet_revoke_reliefs(struct master *master)
{
    struct fleet *fleet = &master->fleet;

    for (unsigned i = 0; i < WORKERS_MAX; i++)
        if (fleet->reliefs[i].pending)
            reinstate(fleet, &fleet->workers[i], &fleet->reliefs[i]);
}

/* It has ended before its post was taken: its inbox is for who follows. */
static void
forget_relief(struct fleet *fleet, const struct child *worker)
{
    struct relief *relief = &fleet->reliefs[worker->number];

    if (relief->worker == worker)
        relief->worker = NULL;
}

bool
fleet_was_relieved(const struct child *worker)
{
    const struct relief *relief =
        &worker->master->fleet.reliefs[worker->number];

    return worker->role == ROLE_WORKER && worker->post == NULL &&
        relief->pending && relief->worker == NULL;
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

static unsigned
keepers_for(unsigned workers)
{
    return (workers + KEEPER_WORKERS - 1) / KEEPER_WORKERS;
}

void
fleet_need_keepers(
    struct master *master, const struct config *config, unsigned workers)
{
    if (!master->keeps_keys || !tls_vault_is_needed(config))
        return;
    for (unsigned i = 0; i < keepers_for(workers); i++)
        post_fill(&master->fleet.keepers[i]);
}

static bool
has_worker(const struct master *master, unsigned keeper)
{
    const struct child *each = master->children;

    while (each != NULL &&
        (each->role != ROLE_WORKER || keeper_of(each) != keeper))
        each = each->next;
    return each != NULL;
}

void
fleet_dismiss_keepers(struct master *master)
{
    unsigned needed =
        master->stopping ? 0 : keepers_for(master->fleet.count);

    /* One that is briefed now would be missed. */
    if (master->rollout.stage != ROLLOUT_NONE && !master->stopping)
        return;
    for (unsigned i = needed; i < KEEPERS_MAX; i++)
        if (master->fleet.keepers[i].wanted && !has_worker(master, i))
            dismiss(&master->fleet.keepers[i]);
}

static bool
is_ready(const struct master *master, const struct post *post, bool loads)
{
    const struct child *child = post->child;

    return !post->wanted || (child != NULL && child->ready &&
        (!loads || child->generation == master->generation));
}

bool
fleet_is_ready(const struct master *master)
{
    const struct fleet *fleet = &master->fleet;
    bool ready = is_ready(master, &fleet->scout, false) &&
        is_ready(master, &fleet->observer, false);

    for (unsigned i = 0; i < WORKERS_MAX; i++)
        ready = ready && is_ready(master, &fleet->workers[i], true);
    for (unsigned i = 0; i < KEEPERS_MAX; i++)
        ready = ready && is_ready(master, &fleet->keepers[i], true);
    return ready;
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
    fleet_dismiss_keepers(master);
}

void
fleet_part_from(const struct child *child)
{
    struct fleet *fleet = &child->master->fleet;

    if (child->role == ROLE_WORKER)
        forget_relief(fleet, child);
    if (child->role == ROLE_WORKER &&
        fleet->inboxes[child->number].send_fd >= 0)
        forget_inbox(fleet, child);
    fleet_dismiss_keepers(child->master);
}

void
fleet_wake_workers(struct master *master)
{
    const struct fleet *fleet = &master->fleet;

    for (unsigned i = 0; i < WORKERS_MAX; i++)
        if (fleet->inboxes[i].send_fd >= 0)
            worker_inbox_send_room(fleet->inboxes[i].send_fd);
}
