#include "master/rollout_internal.h"

#include <event2/event.h>

#include <unistd.h>

#include "base/log.h"
#include "base/scoreboard.h"
#include "config/config.h"
#include "files/files.h"
#include "ipc/channel.h"
#include "master/child.h"
#include "master/generation_send.h"
#include "master/listen_check.h"
#include "master/master_internal.h"
#include "master/supervisor.h"
#include "relay/limits_share.h"
#include "roles/fd_budget.h"
#include "sandbox/sandbox.h"
#include "tls/tls_ticket_keys.h"

/* For the trial, which waits for the DNS, and reads what may be large. */
enum { TRIAL_S = 30 };

/* For all processes, each of which has its own deadline (liveness.h): one may be
 * replaced, and then the new process has the same time. */
enum {
    PREPARE_S = 2 * LIVENESS_PREPARE_S + 10,
    SWITCH_S = 2 * LIVENESS_SWITCH_S + 10,
};

static void
release(struct rollout *rollout)
{
    if (rollout->trial != NULL)
        child_kill(rollout->trial);
    rollout->trial = NULL;
    if (rollout->bundle_fd >= 0)
        close(rollout->bundle_fd);
    rollout->bundle_fd = -1;
    config_unref(rollout->config);
    rollout->config = NULL;
    if (rollout->timer != NULL)
        event_free(rollout->timer);
    rollout->timer = NULL;
    error_clear(&rollout->error);
    rollout->stage = ROLLOUT_NONE;
}

/* It is in force, whatever has been said meanwhile. */
static void
finish(struct master *master)
{
    rollout_done_fn *done = master->rollout.done;
    struct error nothing = { 0 };

    listen_table_commit(&master->sockets);
    supervisor_shrink(master, master->workers);
    supervisor_release_scout(master, master->config);
    release(&master->rollout);
    /* Workers hear of a dead socket by the first; listen(2) would hide it. */
    listen_check(master);
    listen_table_refresh(&master->sockets, master->config);
    supervisor_release_keepers(master);
    done(master, &nothing);
}

/* Those that load the configuration, one after the other: keepers, so that
 * they have the keys first, and so many workers.  NULL: no more. */
static struct instance *
loader(struct master *master, unsigned workers, unsigned index)
{
    struct supervisor *supervisor = &master->supervisor;

    if (index < KEEPERS_MAX)
        return &supervisor->keepers[index];
    index -= KEEPERS_MAX;
    return index < workers ? &supervisor->workers[index] : NULL;
}

/* Who has nothing in force was started for this; those that are to stay need
 * what is. */
static void
cancel(struct child *child, uint64_t generation)
{
    const struct message_generation fixed = { .generation = generation };

    if (child->preparing != generation)
        return;
    child->preparing = 0;
    liveness_obeyed(&child->liveness, LIVENESS_PREPARE);
    child_send(child, MESSAGE_ABORT, &fixed, NULL, 0, -1);
    if (child->generation == 0)
        generation_send(child);
}

void
rollout_stop(struct master *master)
{
    struct rollout *rollout = &master->rollout;
    uint64_t generation = rollout->generation;
    enum rollout_stage stage = rollout->stage;
    struct instance *instance;

    if (stage == ROLLOUT_NONE)
        return;
    if (stage == ROLLOUT_TRIAL && rollout->trial != NULL &&
        rollout->trial->channel != NULL)
        channel_hear_out(rollout->trial->channel);
    release(rollout);
    if (stage == ROLLOUT_COMMIT)
        listen_table_commit(&master->sockets);
    else
        listen_table_rollback(&master->sockets);
    if (stage == ROLLOUT_COMMIT || master->config == NULL)
        return;
    supervisor_undo_replacements(master);
    supervisor_shrink(master, master->workers);
    supervisor_release_scout(master, master->config);
    for (unsigned i = 0;
         (instance = loader(master, master->supervisor.count, i)) != NULL; i++)
        if (instance->child != NULL)
            cancel(instance->child, generation);
}

void
rollout_fail(struct master *master)
{
    struct rollout *rollout = &master->rollout;
    rollout_done_fn *done = rollout->done;
    struct error error = rollout->error;

    rollout->error = (struct error){ 0 };
    rollout_stop(master);
    supervisor_release_keepers(
        master); /* who was not needed any more meanwhile */
    done(master, &error);
    error_clear(&error);
}

static bool
lags(const struct master *master, const struct instance *instance)
{
    return instance->child != NULL &&
        instance->child->generation != master->generation;
}

/* Kills children that have not confirmed the commit; their replacements load
 * the active generation. */
static void
end_switch(struct master *master)
{
    struct instance *instance;

    for (unsigned i = 0;
         (instance = loader(master, master->workers, i)) != NULL; i++)
        if (lags(master, instance))
            child_kill(instance->child);
    supervisor_kill_replaced(master);
    finish(master);
}

static void
on_timeout(evutil_socket_t fd, short what, void *arg)
{
    struct master *master = arg;
    struct rollout *rollout = &master->rollout;

    (void)fd;
    (void)what;
    if (rollout->stage == ROLLOUT_COMMIT) {
        end_switch(master);
        return;
    }
    if (rollout->stage == ROLLOUT_TRIAL)
        error_add(&rollout->error,
            "trying the configuration took longer than %d s", TRIAL_S);
    else
        error_add(&rollout->error,
            "loading it in all processes took longer than %d s", PREPARE_S);
    rollout_fail(master);
}

static void
next_stage(struct master *master, enum rollout_stage stage)
{
    static const struct timeval patience[] = {
        [ROLLOUT_NONE] = { .tv_sec = 0 },
        [ROLLOUT_TRIAL] = { .tv_sec = TRIAL_S },
        [ROLLOUT_PREPARE] = { .tv_sec = PREPARE_S },
        [ROLLOUT_COMMIT] = { .tv_sec = SWITCH_S },
    };

    master->rollout.stage = stage;
    event_add(master->rollout.timer, &patience[stage]);
}

/* What a worker may reach is fixed for its life: one that may not reach what is
 * to be connected to next makes room for one that may. */
static void
replace_confined(struct master *master, unsigned count)
{
    struct sandbox_reach reach;

    sandbox_reach_of(master->rollout.config, &reach);
    for (unsigned i = 0; i < count; i++) {
        struct instance *instance = &master->supervisor.workers[i];

        if (instance->child != NULL && instance->child->reach != NULL &&
            !sandbox_reach_covers(instance->child->reach, &reach))
            supervisor_replace(instance);
    }
}

/* What the workers will need, for those that are there, too. */
static void
share_limit(const struct master *master, unsigned workers)
{
    fd_budget_prepare(master->rollout.config, workers);
    for (const struct child *each = master->children; each != NULL;
         each = each->next)
        if (each->role == ROLE_WORKER)
            fd_budget_share(each->pid);
}

void
rollout_prepare(struct master *master)
{
    struct rollout *rollout = &master->rollout;
    unsigned before = master->supervisor.count, count = rollout->workers;
    struct instance *instance;

    next_stage(master, ROLLOUT_PREPARE);
    share_limit(master, count > before ? count : before);
    for (size_t i = 0; i < rollout->config->service_count; i++)
        (void)scoreboard_service_index(
            master->board, rollout->config->services[i].name);
    limits_share_publish(master->board, rollout->config, count);
    replace_confined(master, count < before ? count : before);
    for (unsigned i = 0;
         (instance = loader(master, count < before ? count : before, i)) != NULL;
         i++)
        if (instance->child != NULL &&
            instance->child->preparing != rollout->generation)
            generation_send(instance->child);
    supervisor_need_keepers(master, rollout->config, count);
    supervisor_grow(master, count);
}

static void
tell_switch(struct child *child, uint64_t generation)
{
    const struct message_generation fixed = { .generation = generation };

    child->switching = generation;
    child_send(child, MESSAGE_COMMIT, &fixed, NULL, 0, -1);
    conduct_expect(&child->conduct, MESSAGE_COMMITTED);
    liveness_order(
        &child->liveness, LIVENESS_SWITCH, LIVENESS_SWITCH_S * 1000);
}

/* What was in force is no more from here on, whatever happens. */
static void
switch_all(struct master *master)
{
    struct rollout *rollout = &master->rollout;
    struct instance *instance;

    next_stage(master, ROLLOUT_COMMIT);
    config_unref(master->config);
    if (master->bundle_fd >= 0)
        close(master->bundle_fd);
    master->config = config_ref(rollout->config);
    master->bundle_fd = rollout->bundle_fd;
    rollout->bundle_fd = -1;
    master->generation = rollout->generation;
    master->workers = rollout->workers;
    for (unsigned i = 0; (instance = loader(master, master->workers, i)) != NULL;
         i++)
        if (instance->wanted)
            tell_switch(instance->child, master->generation);
    supervisor_confirm_replacements(master);
}

static void
switch_if_prepared(struct master *master)
{
    const struct rollout *rollout = &master->rollout;
    const struct instance *instance;

    for (unsigned i = 0;
         (instance = loader(master, rollout->workers, i)) != NULL; i++) {
        const struct child *child = instance->child;

        if (instance->wanted && (child == NULL || !child->prepared ||
            child->preparing != rollout->generation))
            return;
    }
    switch_all(master);
}

/* A process that has served may have been taken over, or be short of what it
 * took up while it served.  A new one has nothing but what the master gave it:
 * if that fails too, the machine does. */
static bool
is_new(const struct child *child)
{
    return child->generation == 0 && child->switching == 0;
}

static const char *
fault_of(const struct child *child)
{
    return child->fault != NULL ? child->fault : "it gives no reason";
}

/* What the trial has passed does not fail for the word of a process that has
 * served: that one is killed, and the rollout waits for its replacement. */
static void
is_unprepared(struct child *child)
{
    struct master *master = child->master;
    char name[CHILD_NAME_SIZE];

    if (!is_new(child)) {
        log_error(NULL, "%s could not load the configuration that was tried, "
            "and is killed and replaced: %s",
            child_name(child, name), fault_of(child));
        child_kill(child);
        return;
    }
    error_add(&master->rollout.error, "%s could not load the configuration: "
        "%s", child_name(child, name), fault_of(child));
    rollout_fail(master);
}

void
rollout_prepared(struct child *child, const struct message *message)
{
    const struct message_verdict *verdict = message->payload;
    struct master *master = child->master;
    const struct rollout *rollout = &master->rollout;
    char name[CHILD_NAME_SIZE];

    if (verdict->given_up || verdict->generation != child->preparing ||
        child->prepared || master->stopping)
        return; /* cancelled meanwhile; if not, the order's time goes on */
    liveness_obeyed(&child->liveness, LIVENESS_PREPARE);
    if (rollout->stage == ROLLOUT_PREPARE &&
        verdict->generation == rollout->generation) {
        child->prepared = verdict->ok;
        if (verdict->ok)
            switch_if_prepared(master);
        else
            is_unprepared(child);
    } else if (verdict->ok) {
        tell_switch(child, verdict->generation);
    } else {
        /* It loaded once; the next process may be luckier. */
        log_error(NULL, "%s could not load what is in force, and is killed: "
            "%s", child_name(child, name), fault_of(child));
        child_kill(child);
    }
}

/* An instance that is vacant now is filled by one who loads what is in force. */
static void
finish_if_switched(struct master *master)
{
    const struct instance *instance;

    for (unsigned i = 0; (instance = loader(master, master->workers, i)) != NULL;
         i++)
        if (lags(master, instance))
            return;
    if (!supervisor_is_replacing(master))
        finish(master);
}

void
rollout_committed(struct child *child, const struct message *message)
{
    const struct message_generation *fixed = message->payload;
    struct master *master = child->master;

    if (fixed->generation != child->switching)
        return;
    child->generation = fixed->generation;
    child->switching = 0;
    liveness_obeyed(&child->liveness, LIVENESS_SWITCH);
    if (child->preparing == fixed->generation)
        child->preparing = 0;
    if (master->rollout.stage == ROLLOUT_COMMIT)
        finish_if_switched(master);
    supervisor_cover_sockets(master);
    master_begin_if_ready(master);
}

void
rollout_child_ended(struct child *child)
{
    struct master *master = child->master;
    struct rollout *rollout = &master->rollout;
    char name[CHILD_NAME_SIZE];

    if (child == rollout->trial) {
        rollout->trial = NULL;
        error_add(&rollout->error, "the process that tried the configuration "
            "ended before it was done; the log may say why");
        rollout_fail(master);
    } else if (rollout->stage == ROLLOUT_COMMIT) {
        finish_if_switched(master);
    } else if (rollout->stage == ROLLOUT_PREPARE &&
        child->preparing == rollout->generation && is_new(child)) {
        error_add(&rollout->error, "%s ended while it loaded the "
            "configuration", child_name(child, name));
        rollout_fail(master);
    }
}

/* Nothing is started before the keys are apart: a child has the master's memory
 * until it is executed. */
static int
pack(struct master *master, struct config *config, struct error *error)
{
    if (master->keeps_keys && !files_part_secrets(config->files,
            tls_secret_print, &master->secret, error))
        return -1;
    return files_pack(config->files, error);
}

void
rollout_start(struct master *master, struct config *config, bool strict,
    rollout_done_fn *done)
{
    struct rollout *rollout = &master->rollout;

    rollout->generation = ++master->last_generation;
    rollout->config = config;
    rollout->workers = config_workers(config);
    rollout->strict = strict;
    rollout->done = done;
    rollout->bundle_fd = pack(master, config, &rollout->error);
    rollout->timer = evtimer_new(master->base, on_timeout, master);
    rollout->stage = ROLLOUT_TRIAL;
    /* First: all sockets that the trial binds come here. */
    fd_budget_prepare(config, rollout->workers);
    if (rollout->bundle_fd >= 0 && rollout->timer != NULL)
        rollout->trial = rollout_start_trial(master);
    if (rollout->trial != NULL) {
        next_stage(master, ROLLOUT_TRIAL);
        return;
    }
    error_add(&rollout->error, "cannot try the configuration");
    rollout_fail(master);
}
