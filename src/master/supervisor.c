#include "master/supervisor_internal.h"

#include <string.h>
#include <unistd.h>

#include "master/child.h"
#include "master/master_internal.h"
#include "net/names_check.h"
#include "roles/keeper.h"
#include "tls/tls_vault.h"

void
supervisor_init(struct supervisor *supervisor, struct master *master)
{
    for (unsigned i = 0; i < WORKERS_MAX; i++) {
        supervisor->workers[i] = (struct instance){
            .master = master,
            .role = ROLE_WORKER,
            .number = i,
        };
    }
    for (unsigned i = 0; i < KEEPERS_MAX; i++)
        supervisor->keepers[i] = (struct instance){
            .master = master,
            .role = ROLE_KEEPER,
            .number = i,
        };
    supervisor->scout =
        (struct instance){ .master = master, .role = ROLE_SCOUT };
    supervisor->admin =
        (struct instance){ .master = master, .role = ROLE_ADMIN };
    supervisor->control_fd = -1;
}

void
supervisor_clear(struct supervisor *supervisor)
{
    for (unsigned i = 0; i < WORKERS_MAX; i++)
        instance_release(&supervisor->workers[i]);
    supervisor_clear_pairs(supervisor);
    for (unsigned i = 0; i < KEEPERS_MAX; i++)
        instance_release(&supervisor->keepers[i]);
    instance_release(&supervisor->scout);
    instance_release(&supervisor->admin);
}

void
supervisor_grow(struct master *master, unsigned count)
{
    struct supervisor *supervisor = &master->supervisor;

    for (unsigned i = 0; i < count; i++)
        instance_start(&supervisor->workers[i]);
    if (count > supervisor->count)
        supervisor->count = count;
}

static void
retire(struct instance *instance)
{
    struct child *worker = instance_release(instance);

    if (worker == NULL)
        return;
    supervisor_shut_handovers(worker);
    supervisor_retire(worker, 0);
}

void
supervisor_shrink(struct master *master, unsigned count)
{
    struct supervisor *supervisor = &master->supervisor;

    for (unsigned i = count; i < WORKERS_MAX; i++)
        if (supervisor->workers[i].wanted)
            retire(&supervisor->workers[i]);
    supervisor->count = count;
}

static bool
has_name(const struct endpoints *endpoints)
{
    for (size_t i = 0; i < endpoints->count; i++)
        if (names_check_is_name(&endpoints->items[i]))
            return true;
    return false;
}

static bool
has_named_server(const struct config *config)
{
    for (size_t i = 0; i < config->service_count; i++)
        if (has_name(&config->services[i].connect))
            return true;
    return false;
}

static bool
has_named_listener(const struct config *config)
{
    for (size_t i = 0; i < config->service_count; i++)
        if (has_name(&config->services[i].listen))
            return true;
    return false;
}

/* A helper ends when its way to the master does. */
static void
dismiss(struct instance *instance)
{
    struct child *child = instance_release(instance);

    if (child != NULL)
        child_let_go(child);
}

void
supervisor_need_scout(struct master *master, const struct config *config)
{
    if (!has_named_server(config) && !has_named_listener(config))
        return;
    names_files_look(master);
    instance_start(&master->supervisor.scout);
}

void
supervisor_release_scout(struct master *master, const struct config *config)
{
    if (has_named_server(config))
        return;
    dismiss(&master->supervisor.scout);
    names_files_stop(master); /* it was for the scout alone */
}

static unsigned
keepers_for(unsigned workers)
{
    return (workers + KEEPER_WORKERS - 1) / KEEPER_WORKERS;
}

void
supervisor_need_keepers(
    struct master *master, const struct config *config, unsigned workers)
{
    if (!master->keeps_keys || !tls_vault_is_needed(config))
        return;
    for (unsigned i = 0; i < keepers_for(workers); i++)
        instance_start(&master->supervisor.keepers[i]);
}

static bool
has_worker(const struct master *master, unsigned keeper)
{
    const struct child *each = master->children;

    while (each != NULL &&
        (each->role != ROLE_WORKER || supervisor_keeper_of(each) != keeper))
        each = each->next;
    return each != NULL;
}

void
supervisor_release_keepers(struct master *master)
{
    unsigned needed =
        master->stopping ? 0 : keepers_for(master->supervisor.count);

    /* One that is briefed now would be missed. */
    if (master->rollout.stage != ROLLOUT_NONE && !master->stopping)
        return;
    for (unsigned i = needed; i < KEEPERS_MAX; i++)
        if (master->supervisor.keepers[i].wanted && !has_worker(master, i))
            dismiss(&master->supervisor.keepers[i]);
}

static bool
is_ready(const struct master *master, const struct instance *instance,
    bool loads)
{
    const struct child *child = instance->child;

    return !instance->wanted || (child != NULL && child->liveness.ready &&
        (!loads || child->generation == master->generation));
}

bool
supervisor_is_ready(const struct master *master)
{
    const struct supervisor *supervisor = &master->supervisor;
    bool ready = is_ready(master, &supervisor->scout, false) &&
        is_ready(master, &supervisor->admin, false);

    for (unsigned i = 0; i < WORKERS_MAX; i++)
        ready = ready && is_ready(master, &supervisor->workers[i], true);
    for (unsigned i = 0; i < KEEPERS_MAX; i++)
        ready = ready && is_ready(master, &supervisor->keepers[i], true);
    return ready;
}

bool
supervisor_close_control(struct supervisor *supervisor)
{
    if (supervisor->control_fd < 0)
        return false;
    close(supervisor->control_fd);
    supervisor->control_fd = -1;
    return true;
}

/* What a worker may take beyond the time of its connections. */
static void
limit_end(struct child *worker, uint64_t timeout_ms)
{
    if (timeout_ms < MESSAGE_NO_LIMIT - LIVENESS_GRACE_S * 1000)
        liveness_order(&worker->liveness, LIVENESS_END,
            timeout_ms + LIVENESS_GRACE_S * 1000);
}

void
supervisor_drain(
    struct master *master, const char *service, uint64_t timeout_ms)
{
    const struct message_drain fixed = { .timeout_ms = timeout_ms };

    for (const struct child *each = master->children;
         each != NULL && service == NULL; each = each->next)
        if (each->role == ROLE_WORKER)
            supervisor_shut_handovers(each);
    for (struct child *each = master->children; each != NULL;
         each = each->next) {
        if (each->role != ROLE_WORKER)
            continue;
        child_send(each, MESSAGE_DRAIN, &fixed, service,
            service != NULL ? strlen(service) : 0, -1);
        if (service != NULL)
            continue;
        liveness_obeyed(&each->liveness, LIVENESS_PREPARE);
        liveness_obeyed(&each->liveness, LIVENESS_SWITCH);
        limit_end(each, timeout_ms);
    }
}

void
supervisor_end_now(struct master *master)
{
    for (struct child *each = master->children; each != NULL;
         each = each->next) {
        if (each->role != ROLE_WORKER)
            continue;
        child_send(each, MESSAGE_END, NULL, NULL, 0, -1);
        limit_end(each, 0);
    }
}

void
supervisor_stop(struct master *master)
{
    struct supervisor *supervisor = &master->supervisor;

    for (unsigned i = 0; i < WORKERS_MAX; i++)
        instance_release(&supervisor->workers[i]);
    dismiss(&supervisor->scout);
    dismiss(&supervisor->admin);
    supervisor_release_keepers(master);
}

void
supervisor_child_ended(const struct child *child)
{
    if (child->role == ROLE_WORKER) {
        supervisor_forget_replacement(&child->master->supervisor, child);
        supervisor_unpair(child);
    }
    supervisor_release_keepers(child->master);
}

void
supervisor_wake_workers(struct master *master)
{
    const struct supervisor *supervisor = &master->supervisor;

    for (unsigned i = 0; i < WORKERS_MAX; i++)
        if (supervisor->workers[i].child != NULL)
            child_send(
                supervisor->workers[i].child, MESSAGE_ROOM, NULL, NULL, 0, -1);
}
