#include "master/supervisor_internal.h"

#include <string.h>
#include <unistd.h>

#include "ipc/message.h"
#include "master/child.h"
#include "master/generation.h"
#include "net/names_check.h"
#include "roles/keeper.h"
#include "tls/tls_vault.h"

static struct instance
instance_of(struct supervisor *supervisor, enum role role, unsigned number)
{
    return (struct instance){
        .ops = &supervisor_instance_ops,
        .arg = supervisor,
        .base = supervisor->parts.children->base,
        .role = role,
        .number = number,
    };
}

static void
on_names_changed(void *arg)
{
    supervisor_send_names(arg);
}

void
supervisor_init(
    struct supervisor *supervisor, const struct supervisor_parts *parts)
{
    *supervisor = (struct supervisor){ .parts = *parts, .control_fd = -1 };
    for (unsigned i = 0; i < WORKERS_MAX; i++)
        supervisor->workers[i] = instance_of(supervisor, ROLE_WORKER, i);
    for (unsigned i = 0; i < KEEPERS_MAX; i++)
        supervisor->keepers[i] = instance_of(supervisor, ROLE_KEEPER, i);
    supervisor->scout = instance_of(supervisor, ROLE_SCOUT, 0);
    supervisor->admin = instance_of(supervisor, ROLE_ADMIN, 0);
    names_files_init(&supervisor->names, parts->children->base,
        on_names_changed, supervisor);
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
    names_files_stop(&supervisor->names);
}

void
supervisor_grow(struct supervisor *supervisor, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        instance_start(&supervisor->workers[i]);
    if (count > supervisor->count)
        supervisor->count = count;
}

static void
retire_instance(struct supervisor *supervisor, struct instance *instance)
{
    struct child *worker = instance_release(instance);

    if (worker == NULL)
        return;
    supervisor_shut_handovers(supervisor, worker);
    supervisor_retire(supervisor, worker, 0);
}

void
supervisor_shrink(struct supervisor *supervisor, unsigned count)
{
    for (unsigned i = count; i < WORKERS_MAX; i++)
        if (supervisor->workers[i].wanted)
            retire_instance(supervisor, &supervisor->workers[i]);
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

/* A helper ends when its channel to the master is closed. */
static void
stop_instance(struct instance *instance)
{
    struct child *child = instance_release(instance);

    if (child != NULL)
        child_stop(child);
}

void
supervisor_need_scout(
    struct supervisor *supervisor, const struct config *config)
{
    if (!has_named_server(config) && !has_named_listener(config))
        return;
    names_files_look(&supervisor->names);
    instance_start(&supervisor->scout);
}

void
supervisor_release_scout(
    struct supervisor *supervisor, const struct config *config)
{
    if (has_named_server(config))
        return;
    stop_instance(&supervisor->scout);
    names_files_stop(&supervisor->names);
}

static unsigned
keepers_for(unsigned workers)
{
    return (workers + KEEPER_WORKERS - 1) / KEEPER_WORKERS;
}

void
supervisor_need_keepers(struct supervisor *supervisor,
    const struct config *config, unsigned workers)
{
    if (!supervisor->parts.keeps_keys || !tls_vault_is_needed(config))
        return;
    for (unsigned i = 0; i < keepers_for(workers); i++)
        instance_start(&supervisor->keepers[i]);
}

static bool
has_worker(const struct supervisor *supervisor, unsigned keeper)
{
    const struct child *each;

    LIST_FOREACH(each, &supervisor->parts.children->list, link)
        if (each->role == ROLE_WORKER && supervisor_keeper_of(each) == keeper)
            return true;
    return false;
}

void
supervisor_release_keepers(struct supervisor *supervisor)
{
    bool stopping = supervisor->stopping;
    unsigned needed = stopping ? 0 : keepers_for(supervisor->count);

    /* A keeper that loads the next generation would be missed. */
    if (supervisor->parts.generations->stage != STAGE_NONE && !stopping)
        return;
    for (unsigned i = needed; i < KEEPERS_MAX; i++)
        if (supervisor->keepers[i].wanted && !has_worker(supervisor, i))
            stop_instance(&supervisor->keepers[i]);
}

static bool
is_ready(const struct supervisor *supervisor, const struct instance *instance,
    bool loads)
{
    const struct generations *generations = supervisor->parts.generations;
    const struct child *child = instance->child;

    return !instance->wanted || (child != NULL && child->liveness.ready &&
        (!loads || child->generation == generations->current.number));
}

bool
supervisor_is_ready(const struct supervisor *supervisor)
{
    bool ready = is_ready(supervisor, &supervisor->scout, false) &&
        is_ready(supervisor, &supervisor->admin, false);

    for (unsigned i = 0; i < WORKERS_MAX; i++)
        ready = ready && is_ready(supervisor, &supervisor->workers[i], true);
    for (unsigned i = 0; i < KEEPERS_MAX; i++)
        ready = ready && is_ready(supervisor, &supervisor->keepers[i], true);
    return ready;
}

void
supervisor_note_progress(struct supervisor *supervisor)
{
    if (supervisor_is_ready(supervisor))
        supervisor->parts.ready(supervisor->parts.arg);
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

static void
drain_worker(struct child *worker, const char *service, uint64_t timeout_ms)
{
    const struct message_drain fixed = { .timeout_ms = timeout_ms };

    child_send(worker, MESSAGE_DRAIN, &fixed, service,
        service != NULL ? strlen(service) : 0, -1);
    if (service != NULL)
        return;
    liveness_obeyed(&worker->liveness, LIVENESS_PREPARE);
    liveness_obeyed(&worker->liveness, LIVENESS_SWITCH);
    limit_end(worker, timeout_ms);
}

void
supervisor_drain(struct supervisor *supervisor, const char *service,
    uint64_t timeout_ms)
{
    struct children *children = supervisor->parts.children;
    struct child *each;

    LIST_FOREACH(each, &children->list, link)
        if (each->role == ROLE_WORKER && service == NULL)
            supervisor_shut_handovers(supervisor, each);
    LIST_FOREACH(each, &children->list, link)
        if (each->role == ROLE_WORKER)
            drain_worker(each, service, timeout_ms);
}

void
supervisor_end_now(struct supervisor *supervisor)
{
    struct child *each;

    LIST_FOREACH(each, &supervisor->parts.children->list, link) {
        if (each->role != ROLE_WORKER)
            continue;
        child_send(each, MESSAGE_END, NULL, NULL, 0, -1);
        limit_end(each, 0);
    }
}

void
supervisor_stop(struct supervisor *supervisor)
{
    supervisor->stopping = true;
    for (unsigned i = 0; i < WORKERS_MAX; i++)
        instance_release(&supervisor->workers[i]);
    stop_instance(&supervisor->scout);
    names_files_stop(&supervisor->names);
    stop_instance(&supervisor->admin);
    supervisor_release_keepers(supervisor);
}

void
supervisor_child_ended(
    struct supervisor *supervisor, const struct child *child)
{
    if (child->role == ROLE_WORKER) {
        supervisor_forget_replacement(supervisor, child);
        supervisor_unpair(supervisor, child);
    }
    supervisor_release_keepers(supervisor);
}

void
supervisor_wake_workers(struct supervisor *supervisor)
{
    for (unsigned i = 0; i < WORKERS_MAX; i++)
        if (supervisor->workers[i].child != NULL)
            child_send(
                supervisor->workers[i].child, MESSAGE_ROOM, NULL, NULL, 0, -1);
}
