#include "process/rollout.h"

#include <event2/event.h>

#include <unistd.h>

#include "base/board.h"
#include "base/log.h"
#include "config/config.h"
#include "config/files.h"
#include "process/channel.h"
#include "process/child.h"
#include "process/fleet.h"
#include "process/master_parts.h"
#include "process/socket_message.h"
#include "process/spawn.h"
#include "process/trial.h"
#include "process/worker_limit.h"

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
    done(master, &nothing);
}

/* Workers that have nothing in force were started for this; those that are to
 * stay need what is. */
static void
cancel(struct child *worker, uint64_t generation)
{
    const struct message_generation fixed = { .generation = generation };

    if (worker->preparing != generation)
        return;
    worker->preparing = 0;
    child_send(worker, MESSAGE_CANCEL, &fixed, NULL, 0, -1);
    if (worker->generation == 0)
        rollout_brief(worker);
}

void
rollout_stop(struct master *master)
{
    struct rollout *rollout = &master->rollout;
    uint64_t generation = rollout->generation;
    enum rollout_stage stage = rollout->stage;

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
    fleet_shrink(master, master->workers);
    for (unsigned i = 0; i < master->fleet.count; i++)
        if (master->fleet.workers[i].child != NULL)
            cancel(master->fleet.workers[i].child, generation);
}

static void
fail(struct master *master)
{
    struct rollout *rollout = &master->rollout;
    rollout_done_fn *done = rollout->done;
    struct error error = rollout->error;

    rollout->error = (struct error){ 0 };
    rollout_stop(master);
    done(master, &error);
    error_clear(&error);
}

/* Workers that do not take up what is in force are replaced by some that do. */
static void
end_switch(struct master *master)
{
    for (unsigned i = 0; i < master->workers; i++) {
        struct child *worker = master->fleet.workers[i].child;

        if (worker != NULL && worker->generation != master->generation)
            child_kill(worker);
    }
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
                                        : "loading it in the workers",
        (long)patience.tv_sec);
    fail(master);
}

static bool
is_mine(const struct held_socket *held, unsigned number, unsigned count)
{
    return held_socket_is_shared(held) ||
        held->socket.index % count == number;
}

/* While a rollout is prepared, what is wanted is what counts. */
static void
send_sockets(struct child *worker, bool next)
{
    const struct master *master = worker->master;
    unsigned before = master->fleet.count;
    unsigned after = next ? master->rollout.workers : master->workers;

    for (size_t i = 0; i < master->sockets.count; i++) {
        const struct held_socket *held = &master->sockets.items[i];
        bool keep = next ? held->wanted : held->serves;

        if (keep && is_mine(held, worker->number, after))
            socket_message_send(worker->channel, MESSAGE_SOCKET, held,
                next ? &held->next : &held->now, true);
        else if (!keep && held->serves && before > 0 &&
            is_mine(held, worker->number, before))
            socket_message_send(worker->channel, MESSAGE_SOCKET, held,
                &held->now, false);
    }
}

static void
send_generation(
    struct child *worker, uint64_t generation, int bundle_fd, bool next)
{
    const struct message_generation fixed = { .generation = generation };

    if (worker->channel == NULL)
        return;
    worker->preparing = generation;
    worker->prepared = false;
    child_send(worker, MESSAGE_BUNDLE, &fixed, NULL, 0, bundle_fd);
    send_sockets(worker, next);
    child_send(worker, MESSAGE_PREPARE, &fixed, NULL, 0, -1);
}

void
rollout_brief(struct child *worker)
{
    struct master *master = worker->master;
    struct rollout *rollout = &master->rollout;

    if (rollout->stage == ROLLOUT_PREPARE)
        send_generation(
            worker, rollout->generation, rollout->bundle_fd, true);
    else if (rollout->stage == ROLLOUT_SWITCH)
        send_generation(worker, master->generation, master->bundle_fd, true);
    else if (master->config != NULL)
        send_generation(worker, master->generation, master->bundle_fd, false);
}

static void
next_stage(struct master *master, enum rollout_stage stage)
{
    master->rollout.stage = stage;
    event_add(master->rollout.timer, &patience);
}

static void
prepare(struct master *master)
{
    struct rollout *rollout = &master->rollout;
    unsigned before = master->fleet.count, count = rollout->workers;

    next_stage(master, ROLLOUT_PREPARE);
    worker_limit_share(rollout->config, count > before ? count : before,
        master->children);
    for (size_t i = 0; i < rollout->config->service_count; i++)
        (void)board_service_index(
            master->board, rollout->config->services[i].name);
    for (unsigned i = 0; i < count && i < before; i++)
        if (master->fleet.workers[i].child != NULL)
            rollout_brief(master->fleet.workers[i].child);
    fleet_grow(master, count);
}

static void
tell_switch(struct child *worker, uint64_t generation)
{
    const struct message_generation fixed = { .generation = generation };

    worker->switching = generation;
    child_send(worker, MESSAGE_SWITCH, &fixed, NULL, 0, -1);
}

/* What was in force is no more from here on, whatever happens. */
static void
switch_all(struct master *master)
{
    struct rollout *rollout = &master->rollout;

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
    for (unsigned i = 0; i < master->workers; i++)
        tell_switch(master->fleet.workers[i].child, master->generation);
}

static void
switch_if_prepared(struct master *master)
{
    const struct rollout *rollout = &master->rollout;

    for (unsigned i = 0; i < rollout->workers; i++) {
        const struct child *worker = master->fleet.workers[i].child;

        if (worker == NULL || !worker->prepared ||
            worker->preparing != rollout->generation)
            return;
    }
    switch_all(master);
}

/* For the rollout that is under way. */
static void
is_prepared(struct child *worker, bool ok)
{
    struct master *master = worker->master;
    char name[CHILD_NAME_SIZE];

    worker->prepared = ok;
    if (ok) {
        switch_if_prepared(master);
        return;
    }
    error_add(&master->rollout.error, "%s could not load the configuration",
        child_name(worker, name));
    fail(master);
}

void
rollout_prepared(struct child *worker, const struct message *message)
{
    const struct message_verdict *verdict = message->payload;
    struct master *master = worker->master;
    const struct rollout *rollout = &master->rollout;
    char name[CHILD_NAME_SIZE];

    if (verdict->generation != worker->preparing || worker->prepared)
        return; /* cancelled meanwhile */
    if (rollout->stage == ROLLOUT_PREPARE &&
        verdict->generation == rollout->generation) {
        is_prepared(worker, verdict->ok);
    } else if (verdict->ok) {
        tell_switch(worker, verdict->generation);
    } else {
        /* It loaded once; the next process may be luckier. */
        log_error(NULL, "%s could not load what is in force",
            child_name(worker, name));
        child_kill(worker);
    }
}

/* A post that is vacant now is filled by one who loads what is in force. */
static void
finish_if_switched(struct master *master)
{
    for (unsigned i = 0; i < master->workers; i++) {
        const struct child *each = master->fleet.workers[i].child;

        if (each != NULL && each->generation != master->generation)
            return;
    }
    finish(master);
}

void
rollout_switched(struct child *worker, const struct message *message)
{
    const struct message_generation *fixed = message->payload;
    struct master *master = worker->master;

    if (fixed->generation != worker->switching)
        return;
    worker->generation = fixed->generation;
    worker->switching = 0;
    if (worker->preparing == fixed->generation)
        worker->preparing = 0;
    if (master->rollout.stage == ROLLOUT_SWITCH)
        finish_if_switched(master);
}

void
rollout_bound(struct child *trial, const struct message *message, int fd)
{
    struct master *master = trial->master;
    struct sockets *sockets = &master->sockets;
    struct listener_socket socket;
    struct held_socket *held;
    struct socket_use use;

    if (trial != master->rollout.trial ||
        !socket_message_read(message, fd, &socket, &use)) {
        close(fd);
        return;
    }
    held = sockets_find(sockets, socket.text, socket.index);
    if (held != NULL) {
        listener_socket_leave(&socket);
    } else if ((held = sockets_add(sockets, &socket)) == NULL) {
        listener_socket_close(&socket);
        error_add(&master->rollout.error, "out of memory");
        return;
    }
    held->wanted = true;
    held->next = use;
}

void
rollout_fault(struct child *child, const struct message *message)
{
    struct rollout *rollout = &child->master->rollout;
    bool is_trial = child == rollout->trial;
    bool prepares = rollout->stage == ROLLOUT_PREPARE &&
        child->preparing == rollout->generation && !child->prepared;

    if (is_trial || prepares)
        error_add(&rollout->error, "%s", message->text);
}

/* What is wanted of a renewal is what there is. */
static void
want_all(struct sockets *sockets)
{
    for (size_t i = 0; i < sockets->count; i++) {
        sockets->items[i].next = sockets->items[i].now;
        sockets->items[i].wanted = sockets->items[i].serves;
    }
}

void
rollout_verdict(struct child *trial, const struct message *message)
{
    const struct message_verdict *verdict = message->payload;
    struct master *master = trial->master;
    struct rollout *rollout = &master->rollout;

    if (trial != rollout->trial)
        return;
    rollout->trial = NULL;
    child_let_go(trial);
    if (rollout->strict)
        want_all(&master->sockets);
    if (verdict->ok && !error_any(&rollout->error))
        prepare(master);
    else
        fail(master);
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
        fail(master);
    } else if (rollout->stage == ROLLOUT_SWITCH) {
        finish_if_switched(master);
    } else if (rollout->stage == ROLLOUT_PREPARE &&
        child->role == ROLE_WORKER &&
        child->preparing == rollout->generation) {
        error_add(&rollout->error, "%s ended while it loaded the "
            "configuration", child_name(child, name));
        fail(master);
    }
}

static struct child *
start_trial(struct master *master)
{
    struct rollout *rollout = &master->rollout;
    struct trial trial = {
        .bundle_fd = rollout->bundle_fd,
        .workers = rollout->workers,
        .sockets = &master->sockets,
        .strict = rollout->strict,
    };
    struct spawn spawn = {
        .role = ROLE_TRIAL,
        .keep_all = true, /* the listening sockets among them */
        .run = trial_run,
        .arg = &trial,
    };

    return child_start(master, NULL, &spawn);
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
    rollout->bundle_fd = files_pack(config->files, &rollout->error);
    rollout->timer = evtimer_new(master->base, on_timeout, master);
    rollout->stage = ROLLOUT_TRIAL;
    /* First: all sockets that the trial binds come here. */
    worker_limit_share(config, rollout->workers, NULL);
    if (rollout->bundle_fd >= 0 && rollout->timer != NULL)
        rollout->trial = start_trial(master);
    if (rollout->trial != NULL) {
        next_stage(master, ROLLOUT_TRIAL);
        return;
    }
    error_add(&rollout->error, "cannot try the configuration");
    fail(master);
}
