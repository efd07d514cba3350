#include "master/rollout_internal.h"

#include <event2/event.h>

#include <unistd.h>

#include "base/log.h"
#include "base/scoreboard.h"
#include "config/config.h"
#include "files/files.h"
#include "ipc/channel.h"
#include "master/child.h"
#include "master/generation.h"
#include "master/listen_check.h"
#include "master/supervisor.h"
#include "net/listen_table.h"
#include "relay/limits_share.h"
#include "roles/fd_budget.h"
#include "sandbox/sandbox.h"
#include "tls/tls_secret.h"

/* For the trial, which waits for the DNS, and reads what may be large. */
enum { TRIAL_S = 30 };

/* For all processes, each of which has its own deadline (liveness.h): a process
 * may be replaced, and then the new one has the same time. */
enum {
    PREPARE_S = 2 * LIVENESS_PREPARE_S + 10,
    COMMIT_S = 2 * LIVENESS_SWITCH_S + 10,
};

static struct children *
children_of(const struct rollout *rollout)
{
    return rollout->parts.supervisor->parts.children;
}

static bool
is_behind_generation(const struct rollout *rollout,
    const struct instance *instance)
{
    return instance->child != NULL && instance->child->generation !=
        rollout->parts.generations->current.number;
}

/* Kills children that have not confirmed the commit; their replacements load
 * the active generation. */
static void
end_commit(struct rollout *rollout)
{
    unsigned workers = rollout->parts.generations->current.workers;
    struct instance *instance;

    for (unsigned i = 0;
         (instance = rollout_loader_at(rollout, workers, i)) != NULL; i++)
        if (is_behind_generation(rollout, instance))
            child_kill(instance->child);
    supervisor_kill_replaced(rollout->parts.supervisor);
    rollout_finish(rollout);
}

static void
on_stage_timeout(evutil_socket_t fd, short what, void *arg)
{
    struct rollout *rollout = arg;
    enum generation_stage stage = rollout->parts.generations->stage;

    (void)fd;
    (void)what;
    if (stage == STAGE_COMMIT) {
        end_commit(rollout);
        return;
    }
    if (stage == STAGE_TRIAL)
        error_add(&rollout->error,
            "trying the configuration took longer than %d s", TRIAL_S);
    else
        error_add(&rollout->error,
            "loading it in all processes took longer than %d s", PREPARE_S);
    rollout_fail(rollout);
}

/* False: out of memory, and nothing would end the stage. */
static bool
begin_stage(struct rollout *rollout, enum generation_stage stage)
{
    static const struct timeval patience[] = {
        [STAGE_NONE] = { .tv_sec = 0 },
        [STAGE_TRIAL] = { .tv_sec = TRIAL_S },
        [STAGE_PREPARE] = { .tv_sec = PREPARE_S },
        [STAGE_COMMIT] = { .tv_sec = COMMIT_S },
    };

    rollout->parts.generations->stage = stage;
    return event_add(rollout->timer, &patience[stage]) == 0;
}

/* What a worker may reach is fixed for its life: one that may not reach what is
 * to be connected to next makes room for one that may. */
static void
replace_confined(struct rollout *rollout, unsigned count)
{
    struct supervisor *supervisor = rollout->parts.supervisor;
    struct sandbox_reach reach;

    sandbox_reach_of(rollout->parts.generations->next.config, &reach);
    for (unsigned i = 0; i < count; i++) {
        struct instance *instance = &supervisor->workers[i];

        if (instance->child != NULL && instance->child->reach != NULL &&
            !sandbox_reach_covers(instance->child->reach, &reach))
            supervisor_replace(supervisor, instance);
    }
}

/* Publishes what the workers will need, for present ones too. */
static void
share_limits(const struct rollout *rollout, unsigned most)
{
    const struct generation *next = &rollout->parts.generations->next;
    const struct children *children = children_of(rollout);
    const struct child *each;

    fd_budget_prepare(next->config, most);
    LIST_FOREACH(each, &children->list, link)
        if (each->role == ROLE_WORKER)
            fd_budget_share(each->pid);
    for (size_t i = 0; i < next->config->service_count; i++)
        (void)scoreboard_service_index(
            children->board, next->config->services[i].name);
    limits_share_publish(children->board, next->config, next->workers);
}

/* The stage after the trial. */
static void
begin_prepare(struct rollout *rollout)
{
    struct supervisor *supervisor = rollout->parts.supervisor;
    const struct generation *next = &rollout->parts.generations->next;
    unsigned before = supervisor->count, count = next->workers;
    unsigned stay = count < before ? count : before;
    struct instance *instance;

    if (!begin_stage(rollout, STAGE_PREPARE)) {
        error_no_memory(&rollout->error);
        rollout_fail(rollout);
        return;
    }
    share_limits(rollout, count > before ? count : before);
    replace_confined(rollout, stay);
    for (unsigned i = 0;
         (instance = rollout_loader_at(rollout, stay, i)) != NULL; i++)
        if (instance->child != NULL &&
            instance->child->preparing != next->number)
            supervisor_load(supervisor, instance->child);
    supervisor_need_keepers(supervisor, next->config, count);
    supervisor_grow(supervisor, count);
}

static void
send_commit(struct child *child, uint64_t generation)
{
    const struct message_generation fixed = { .generation = generation };

    child->switching = generation;
    child_send(child, MESSAGE_COMMIT, &fixed, NULL, 0, -1);
    conduct_expect(&child->conduct, MESSAGE_COMMITTED);
    liveness_order(
        &child->liveness, LIVENESS_SWITCH, LIVENESS_SWITCH_S * 1000);
}

/* From here on there is no way back, whatever happens. */
static void
begin_commit(struct rollout *rollout)
{
    struct generations *generations = rollout->parts.generations;
    struct instance *instance;

    if (!begin_stage(rollout, STAGE_COMMIT))
        log_error(NULL, "a commit has no deadline: out of memory");
    generations_commit(generations);
    for (unsigned i = 0; (instance = rollout_loader_at(
             rollout, generations->current.workers, i)) != NULL; i++)
        if (instance->wanted)
            send_commit(instance->child, generations->current.number);
    supervisor_confirm_replacements(rollout->parts.supervisor);
}

static void
commit_if_prepared(struct rollout *rollout)
{
    const struct generation *next = &rollout->parts.generations->next;
    const struct instance *instance;

    for (unsigned i = 0; (instance = rollout_loader_at(
             rollout, next->workers, i)) != NULL; i++) {
        const struct child *child = instance->child;

        if (instance->wanted && (child == NULL || !child->prepared ||
            child->preparing != next->number))
            return;
    }
    begin_commit(rollout);
}

/* A process that has served may have been taken over, or be short of what it
 * took up while it served.  A new one has nothing but what the master gave it:
 * if that fails too, the machine does. */
static bool
is_new_child(const struct child *child)
{
    return child->generation == 0 && child->switching == 0;
}

static const char *
fault_of_child(const struct child *child)
{
    return child->fault != NULL ? child->fault : "it gives no reason";
}

/* What the trial has passed does not fail for the word of a process that has
 * served: that one is killed, and the rollout waits for its replacement. */
static void
refuse_unprepared(struct rollout *rollout, struct child *child)
{
    char name[CHILD_NAME_SIZE];

    if (!is_new_child(child)) {
        log_error(NULL, "%s could not load the configuration that was tried, "
            "and is killed and replaced: %s",
            child_name(child, name), fault_of_child(child));
        child_kill(child);
        return;
    }
    error_add(&rollout->error, "%s could not load the configuration: "
        "%s", child_name(child, name), fault_of_child(child));
    rollout_fail(rollout);
}

void
rollout_prepared(struct rollout *rollout, struct child *child,
    const struct message *message)
{
    const struct message_verdict *verdict = message->payload;
    const struct generations *generations = rollout->parts.generations;
    char name[CHILD_NAME_SIZE];

    if (verdict->given_up || verdict->generation != child->preparing ||
        child->prepared || rollout->parts.supervisor->stopping)
        return; /* aborted meanwhile; if not, the order's time goes on */
    liveness_obeyed(&child->liveness, LIVENESS_PREPARE);
    if (generations->stage == STAGE_PREPARE &&
        verdict->generation == generations->next.number) {
        child->prepared = verdict->ok;
        if (verdict->ok)
            commit_if_prepared(rollout);
        else
            refuse_unprepared(rollout, child);
    } else if (verdict->ok) {
        send_commit(child, verdict->generation);
    } else {
        /* The configuration loaded once; the next process may be luckier. */
        log_error(NULL, "%s could not load the active configuration, and is "
            "killed: %s", child_name(child, name), fault_of_child(child));
        child_kill(child);
    }
}

/* An instance that is vacant now is filled by a process that loads the active
 * generation. */
static void
finish_if_committed(struct rollout *rollout)
{
    unsigned workers = rollout->parts.generations->current.workers;
    const struct instance *instance;

    for (unsigned i = 0;
         (instance = rollout_loader_at(rollout, workers, i)) != NULL; i++)
        if (is_behind_generation(rollout, instance))
            return;
    if (!supervisor_is_replacing(rollout->parts.supervisor))
        rollout_finish(rollout);
}

void
rollout_committed(struct rollout *rollout, struct child *child,
    const struct message *message)
{
    const struct message_generation *fixed = message->payload;
    struct supervisor *supervisor = rollout->parts.supervisor;

    if (fixed->generation != child->switching)
        return;
    child->generation = fixed->generation;
    child->switching = 0;
    liveness_obeyed(&child->liveness, LIVENESS_SWITCH);
    if (child->preparing == fixed->generation)
        child->preparing = 0;
    if (rollout->parts.generations->stage == STAGE_COMMIT)
        finish_if_committed(rollout);
    supervisor_cover_sockets(supervisor);
    supervisor_note_progress(supervisor);
}

/* What is wanted of a change of certificates is what there is. */
static void
want_all(struct listen_table *sockets)
{
    for (size_t i = 0; i < sockets->count; i++) {
        sockets->items[i].next = sockets->items[i].now;
        sockets->items[i].wanted = sockets->items[i].serves;
    }
}

/* What the trial has left out is left out by all. */
static void
pack_again(struct rollout *rollout)
{
    struct generation *next = &rollout->parts.generations->next;

    if (!rollout->left_out)
        return;
    close(next->bundle_fd);
    next->bundle_fd = files_pack(next->config->files, &rollout->error);
}

void
rollout_verdict(struct rollout *rollout, struct child *trial,
    const struct message *message)
{
    const struct message_verdict *verdict = message->payload;

    if (trial != rollout->trial ||
        rollout->parts.generations->stage != STAGE_TRIAL)
        return;
    rollout->trial = NULL;
    child_stop(trial);
    rollout->faulty = verdict->ok == VERDICT_FAULTY;
    if (rollout->strict)
        want_all(rollout_sockets(rollout));
    pack_again(rollout);
    if (verdict->ok == VERDICT_GOOD && !error_any(&rollout->error))
        begin_prepare(rollout);
    else
        rollout_fail(rollout);
}

void
rollout_child_ended(struct rollout *rollout, const struct child *child)
{
    const struct generations *generations = rollout->parts.generations;
    char name[CHILD_NAME_SIZE];

    if (child == rollout->trial) {
        rollout->trial = NULL;
        error_add(&rollout->error, "the process that tried the configuration "
            "ended before it was done; the log may say why");
        rollout_fail(rollout);
    } else if (generations->stage == STAGE_COMMIT) {
        finish_if_committed(rollout);
    } else if (generations->stage == STAGE_PREPARE &&
        child->preparing == generations->next.number && is_new_child(child)) {
        error_add(&rollout->error, "%s ended while it loaded the "
            "configuration", child_name(child, name));
        rollout_fail(rollout);
    }
}

/* Nothing is started before the keys are split off: a child has the master's
 * memory until it is executed. */
static int
pack_files(
    const struct rollout *rollout, struct config *config, struct error *error)
{
    if (rollout->parts.supervisor->parts.keeps_keys &&
        !files_part_secrets(config->files, tls_secret_print,
            rollout->parts.secret, error))
        return -1;
    return files_pack(config->files, error);
}

void
rollout_start(struct rollout *rollout, struct config *config, bool strict,
    rollout_done_fn *done, void *arg)
{
    struct generations *generations = rollout->parts.generations;
    struct generation *next = &generations->next;

    *next = (struct generation){
        .number = ++generations->last_number,
        .config = config,
        .bundle_fd = pack_files(rollout, config, &rollout->error),
        .workers = config_workers(config),
    };
    error_clear(&rollout->warnings);
    rollout->strict = strict;
    rollout->faulty = rollout->left_out = false;
    rollout->done = done;
    rollout->arg = arg;
    rollout->timer =
        evtimer_new(children_of(rollout)->base, on_stage_timeout, rollout);
    generations->stage = STAGE_TRIAL;
    /* First: all sockets that the trial binds come here. */
    fd_budget_prepare(config, next->workers);
    if (next->bundle_fd >= 0 && rollout->timer != NULL &&
        begin_stage(rollout, STAGE_TRIAL))
        rollout->trial = rollout_start_trial(rollout);
    if (rollout->trial != NULL)
        return;
    error_add(&rollout->error, "cannot try the configuration");
    rollout_fail(rollout);
}
