#include "process/fleet_parts.h"

#include <string.h>
#include <unistd.h>

#include "base/address.h"
#include "process/child.h"
#include "process/keeper.h"
#include "process/master_parts.h"
#include "process/worker_inbox.h"
#include "tls/tls_vault.h"

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
        fleet_close_inbox(&fleet->inboxes[i]);
    }
    for (unsigned i = 0; i < KEEPERS_MAX; i++)
        post_give_up(&fleet->keepers[i]);
    post_give_up(&fleet->scout);
    post_give_up(&fleet->observer);
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
retire(struct post *post)
{
    struct child *worker = post_give_up(post);

    if (worker != NULL)
        fleet_send_home(worker, 0);
    fleet_close_inbox(&post->master->fleet.inboxes[post->number]);
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
        (each->role != ROLE_WORKER || fleet_keeper_of(each) != keeper))
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
        fleet_forget_relief(fleet, child);
    if (child->role == ROLE_WORKER &&
        fleet->inboxes[child->number].send_fd >= 0)
        fleet_forget_inbox(fleet, child);
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
