#include "process/rollout_parts.h"

#include <event2/event.h>

#include <unistd.h>

#include "base/board.h"
#include "base/log.h"
#include "config/config.h"
#include "config/files.h"
#include "process/briefing.h"
#include "process/channel.h"
#include "process/child.h"
#include "process/fleet.h"
#include "process/master_parts.h"
#include "process/sandbox.h"
#include "process/worker_limit.h"
#include "tls/tls_tickets.h"

/* For a stage.  The trial waits for the DNS, and reads what may be large. */
static const struct timeval patience = { .tv_sec = 30 };

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

    sockets_settle(&master->sockets);
    sockets_refresh(&master->sockets, master->config);
    fleet_shrink(master, master->workers);
    fleet_dismiss_scout(master, master->config);
    release(&master->rollout);
    fleet_dismiss_keepers(master);
    done(master, &nothing);
}

/* Those that load the configuration, one after the other: keepers, so that
 * they have the keys first, and so many workers.  NULL: no more. */
static struct post *
loader(struct master *master, unsigned workers, unsigned index)
{
    struct fleet *fleet = &master->fleet;

    if (index < KEEPERS_MAX)
        return &fleet->keepers[index];
    index -= KEEPERS_MAX;
    return index < workers ? &fleet->workers[index] : NULL;
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
    child_send(child, MESSAGE_CANCEL, &fixed, NULL, 0, -1);
    if (child->generation == 0)
        briefing_send(child);
}

void
rollout_stop(struct master *master)
{
    struct rollout *rollout = &master->rollout;
    uint64_t generation = rollout->generation;
    enum rollout_stage stage = rollout->stage;
    struct post *post;

    if (stage == ROLLOUT_NONE)
        return;
    if (stage == ROLLOUT_TRIAL && rollout->trial != NULL &&
        rollout->trial->channel != NULL)
        channel_hear_out(rollout->trial->channel);
    release(rollout);
    if (stage == ROLLOUT_SWITCH)
        sockets_settle(&master->sockets);
    else
        sockets_revert(&master->sockets);
    if (stage == ROLLOUT_SWITCH || master->config == NULL)
        return;
    fleet_revoke_reliefs(master);
    fleet_shrink(master, master->workers);
    for (unsigned i = 0;
         (post = loader(master, master->fleet.count, i)) != NULL; i++)
        if (post->child != NULL)
            cancel(post->child, generation);
}

void
rollout_fail(struct master *master)
{
    struct rollout *rollout = &master->rollout;
    rollout_done_fn *done = rollout->done;
    struct error error = rollout->error;

    rollout->error = (struct error){ 0 };
    rollout_stop(master);
    fleet_dismiss_keepers(master); /* who was not needed any more meanwhile */
    done(master, &error);
    error_clear(&error);
}

static bool
lags(const struct master *master, const struct post *post)
{
    return post->child != NULL &&
        post->child->generation != master->generation;
}

/* Who does not take up what is in force is replaced by somebody who does. */
static void
end_switch(struct master *master)
{
    struct post *post;

    for (unsigned i = 0; (post = loader(master, master->workers, i)) != NULL;
         i++)
        if (lags(master, post))
            child_kill(post->child);
    finish(master);
}

static void
on_timeout(evutil_socket_t fd, short what, void *arg)
{
    struct master *master = arg;
    struct rollout *rollout = &master->rollout;

    (void)fd;
    (void)what;
    if (rollout->stage == ROLLOUT_SWITCH) {
        end_switch(master);
        return;
    }
    error_add(&rollout->error, "%s took longer than %ld s",
        rollout->stage == ROLLOUT_TRIAL ? "trying the configuration"
                                        : "loading it in all processes",
        (long)patience.tv_sec);
    rollout_fail(master);
}

static void
next_stage(struct master *master, enum rollout_stage stage)
{
    master->rollout.stage = stage;
    event_add(master->rollout.timer, &patience);
}

/* What a worker may reach is fixed for its life: one that may not reach what is
 * to be connected to next makes room for one that may. */
static void
relieve_confined(struct master *master, unsigned count)
{
    struct sandbox_reach reach;

    sandbox_reach_of(master->rollout.config, &reach);
    for (unsigned i = 0; i < count; i++) {
        struct post *post = &master->fleet.workers[i];

        if (post->child != NULL && post->child->reach != NULL &&
            !sandbox_reach_covers(post->child->reach, &reach))
            fleet_relieve(post);
    }
}

void
rollout_prepare(struct master *master)
{
    struct rollout *rollout = &master->rollout;
    unsigned before = master->fleet.count, count = rollout->workers;
    struct post *post;

    next_stage(master, ROLLOUT_PREPARE);
    worker_limit_share(rollout->config, count > before ? count : before,
        master->children);
    for (size_t i = 0; i < rollout->config->service_count; i++)
        (void)board_service_index(
            master->board, rollout->config->services[i].name);
    relieve_confined(master, count < before ? count : before);
    for (unsigned i = 0;
         (post = loader(master, count < before ? count : before, i)) != NULL;
         i++)
        if (post->child != NULL &&
            post->child->preparing != rollout->generation)
            briefing_send(post->child);
    fleet_need_keepers(master, rollout->config, count);
    fleet_grow(master, count);
}

static void
tell_switch(struct child *child, uint64_t generation)
{
    const struct message_generation fixed = { .generation = generation };

    child->switching = generation;
    child_send(child, MESSAGE_SWITCH, &fixed, NULL, 0, -1);
}

/* What was in force is no more from here on, whatever happens. */
static void
switch_all(struct master *master)
{
    struct rollout *rollout = &master->rollout;
    struct post *post;

    next_stage(master, ROLLOUT_SWITCH);
    config_unref(master->config);
    if (master->bundle_fd >= 0)
        close(master->bundle_fd);
    master->config = config_ref(rollout->config);
    master->bundle_fd = rollout->bundle_fd;
    rollout->bundle_fd = -1;
    master->generation = rollout->generation;
    master->workers = rollout->workers;
    fleet_need_scout(master, master->config);
    for (unsigned i = 0; (post = loader(master, master->workers, i)) != NULL;
         i++)
        if (post->wanted)
            tell_switch(post->child, master->generation);
    fleet_confirm_reliefs(master);
}

static void
switch_if_prepared(struct master *master)
{
    const struct rollout *rollout = &master->rollout;
    const struct post *post;

    for (unsigned i = 0; (post = loader(master, rollout->workers, i)) != NULL;
         i++) {
        const struct child *child = post->child;

        if (post->wanted && (child == NULL || !child->prepared ||
            child->preparing != rollout->generation))
            return;
    }
    switch_all(master);
}

/* For the rollout that is under way. */
static void
is_prepared(struct child *child, bool ok)
{
    struct master *master = child->master;
    char name[CHILD_NAME_SIZE];

    child->prepared = ok;
    if (ok) {
        switch_if_prepared(master);
        return;
    }
    error_add(&master->rollout.error, "%s could not load the configuration",
        child_name(child, name));
    rollout_fail(master);
}

void
rollout_prepared(struct child *child, const struct message *message)
{
    const struct message_verdict *verdict = message->payload;
    struct master *master = child->master;
    const struct rollout *rollout = &master->rollout;
    char name[CHILD_NAME_SIZE];

    if (verdict->generation != child->preparing || child->prepared)
        return; /* cancelled meanwhile */
    if (rollout->stage == ROLLOUT_PREPARE &&
        verdict->generation == rollout->generation) {
        is_prepared(child, verdict->ok);
    } else if (verdict->ok) {
        tell_switch(child, verdict->generation);
    } else {
        /* It loaded once; the next process may be luckier. */
        log_error(NULL, "%s could not load what is in force",
            child_name(child, name));
        child_kill(child);
    }
}

/* A post that is vacant now is filled by one who loads what is in force. */
static void
finish_if_switched(struct master *master)
{
    const struct post *post;

    for (unsigned i = 0; (post = loader(master, master->workers, i)) != NULL;
         i++)
        if (lags(master, post))
            return;
    if (!fleet_is_being_relieved(master))
        finish(master);
}

void
rollout_switched(struct child *child, const struct message *message)
{
    const struct message_generation *fixed = message->payload;
    struct master *master = child->master;

    if (fixed->generation != child->switching)
        return;
    child->generation = fixed->generation;
    child->switching = 0;
    if (child->preparing == fixed->generation)
        child->preparing = 0;
    if (master->rollout.stage == ROLLOUT_SWITCH)
        finish_if_switched(master);
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
    } else if (rollout->stage == ROLLOUT_SWITCH) {
        finish_if_switched(master);
    } else if (rollout->stage == ROLLOUT_PREPARE &&
        (child->role == ROLE_WORKER || child->role == ROLE_KEEPER) &&
        (child->preparing == rollout->generation ||
            fleet_was_relieved(child))) {
        error_add(&rollout->error, "%s ended while it loaded the "
            "configuration", child_name(child, name));
        rollout_fail(master);
    }
}

/* Nothing is forked before the keys are apart, so no child has a copy. */
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
    rollout->workers = worker_limit_workers(config);
    rollout->strict = strict;
    rollout->done = done;
    rollout->bundle_fd = pack(master, config, &rollout->error);
    rollout->timer = evtimer_new(master->base, on_timeout, master);
    rollout->stage = ROLLOUT_TRIAL;
    /* First: all sockets that the trial binds come here. */
    worker_limit_share(config, rollout->workers, NULL);
    if (rollout->bundle_fd >= 0 && rollout->timer != NULL)
        rollout->trial = rollout_start_trial(master);
    if (rollout->trial != NULL) {
        next_stage(master, ROLLOUT_TRIAL);
        return;
    }
    error_add(&rollout->error, "cannot try the configuration");
    rollout_fail(master);
}
