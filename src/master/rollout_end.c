#include "master/rollout_internal.h"

#include <event2/event.h>

#include "ipc/channel.h"
#include "master/child.h"
#include "master/generation.h"
#include "master/listen_check.h"
#include "master/supervisor.h"
#include "net/listen_table.h"

struct listen_table *
rollout_sockets(const struct rollout *rollout)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): it is never NULL */
    return rollout->parts.supervisor->parts.sockets;
}

static void
release_rollout(struct rollout *rollout)
{
    if (rollout->trial != NULL)
        child_kill(rollout->trial);
    rollout->trial = NULL;
    generation_clear(&rollout->parts.generations->next);
    if (rollout->timer != NULL)
        event_free(rollout->timer);
    rollout->timer = NULL;
    error_clear(&rollout->error);
    rollout->parts.generations->stage = STAGE_NONE;
}

void
rollout_finish(struct rollout *rollout)
{
    struct supervisor *supervisor = rollout->parts.supervisor;
    const struct generation *current = &rollout->parts.generations->current;
    struct error nothing = { 0 };

    listen_table_commit(rollout_sockets(rollout));
    supervisor_shrink(supervisor, current->workers);
    supervisor_release_scout(supervisor, current->config);
    release_rollout(rollout);
    /* The check sends workers a socket that was dead; listen(2) would hide it. */
    listen_check(rollout->parts.listen_check);
    listen_table_refresh(rollout_sockets(rollout), current->config);
    supervisor_release_keepers(supervisor);
    rollout->done(rollout->arg, &nothing);
    error_clear(&rollout->warnings);
}

struct instance *
rollout_loader_at(
    const struct rollout *rollout, unsigned workers, unsigned index)
{
    struct supervisor *supervisor = rollout->parts.supervisor;

    if (index < KEEPERS_MAX)
        return &supervisor->keepers[index];
    index -= KEEPERS_MAX;
    return index < workers ? &supervisor->workers[index] : NULL;
}

/* A child that serves nothing yet was started for the generation that is
 * aborted; if it stays it needs the active one. */
static void
abort_child(struct rollout *rollout, struct child *child, uint64_t generation)
{
    const struct message_generation fixed = { .generation = generation };

    if (child->preparing != generation)
        return;
    child->preparing = 0;
    liveness_obeyed(&child->liveness, LIVENESS_PREPARE);
    child_send(child, MESSAGE_ABORT, &fixed, NULL, 0, -1);
    if (child->generation == 0)
        supervisor_load(rollout->parts.supervisor, child);
}

static void
abort_children(struct rollout *rollout, uint64_t generation)
{
    struct supervisor *supervisor = rollout->parts.supervisor;
    const struct generation *current = &rollout->parts.generations->current;
    struct instance *instance;

    supervisor_undo_replacements(supervisor);
    supervisor_shrink(supervisor, current->workers);
    supervisor_release_scout(supervisor, current->config);
    for (unsigned i = 0; (instance = rollout_loader_at(
             rollout, supervisor->count, i)) != NULL; i++)
        if (instance->child != NULL)
            abort_child(rollout, instance->child, generation);
}

void
rollout_stop(struct rollout *rollout)
{
    struct generations *generations = rollout->parts.generations;
    uint64_t generation = generations->next.number;
    enum generation_stage stage = generations->stage;

    error_clear(&rollout->warnings);
    if (stage == STAGE_NONE)
        return;
    /* The sockets that the trial has bound are to be closed with the others; its
     * verdict does not count any more. */
    generations->stage = STAGE_NONE;
    if (rollout->trial != NULL && rollout->trial->channel != NULL)
        channel_hear_out(rollout->trial->channel);
    release_rollout(rollout);
    if (stage == STAGE_COMMIT) {
        listen_table_commit(rollout_sockets(rollout));
        return;
    }
    listen_table_rollback(rollout_sockets(rollout));
    if (generations->current.config != NULL)
        abort_children(rollout, generation);
}

void
rollout_fail(struct rollout *rollout)
{
    struct error error = rollout->error;

    rollout->error = (struct error){ 0 };
    rollout_stop(rollout);
    /* Of workers that have ended meanwhile. */
    supervisor_release_keepers(rollout->parts.supervisor);
    rollout->done(rollout->arg, &error);
    error_clear(&error);
}
