#include "master/supervisor_internal.h"

#include "base/scoreboard.h"
#include "master/child.h"
#include "master/generation.h"
#include "sandbox/sandbox.h"

/* So that a configuration that changes again and again under connections that
 * stay does not add processes without end: three for each of the most workers,
 * and the others, find room on the scoreboard. */
enum { REPLACED_MAX = 2 };

bool
supervisor_must_end_replacements(
    const struct supervisor *supervisor, const struct instance *instance)
{
    const struct children *children = supervisor->parts.children;
    const struct child *each;
    unsigned count = 0;

    LIST_FOREACH(each, &children->list, link)
        count += each->role == ROLE_WORKER && each->instance == NULL &&
            each->number == instance->number && !each->killed &&
            scoreboard_slot_active(children->board, each->slot, SCOREBOARD_ALL) >
                0;
    return count >= REPLACED_MAX;
}

/* The worker has not confirmed yet that it accepts no more. */
static bool
is_being_replaced(
    const struct supervisor *supervisor, const struct child *child)
{
    return child->role == ROLE_WORKER && child->instance == NULL &&
        child->channel != NULL &&
        child->switching == supervisor->parts.generations->current.number;
}

bool
supervisor_is_replacing(const struct supervisor *supervisor)
{
    const struct child *each;

    LIST_FOREACH(each, &supervisor->parts.children->list, link)
        if (is_being_replaced(supervisor, each))
            return true;
    return false;
}

void
supervisor_kill_replaced(struct supervisor *supervisor)
{
    struct child *each;

    LIST_FOREACH(each, &supervisor->parts.children->list, link)
        if (is_being_replaced(supervisor, each))
            child_kill(each);
}

bool
supervisor_reaches_anywhere(const struct supervisor *supervisor)
{
    const struct child *each;

    LIST_FOREACH(each, &supervisor->parts.children->list, link)
        if (each->reach != NULL && each->reach->anywhere)
            return true;
    return false;
}

void
supervisor_replace(struct supervisor *supervisor, struct instance *instance)
{
    supervisor->replacements[instance->number] = (struct replacement){
        .pending = true, .worker = instance->child,
    };
    instance->child->instance = NULL;
    instance->child = NULL;
    instance_start(instance);
}

void
supervisor_confirm_replacements(struct supervisor *supervisor)
{
    for (unsigned i = 0; i < WORKERS_MAX; i++) {
        struct replacement *replacement = &supervisor->replacements[i];

        if (!replacement->pending)
            continue;
        if (replacement->worker != NULL) {
            supervisor_shut_handovers(supervisor, replacement->worker);
            supervisor_retire(supervisor, replacement->worker,
                supervisor->parts.generations->current.number);
        }
        replacement->pending = false;
    }
}

static void
undo_replacement(struct instance *instance, struct replacement *replacement)
{
    struct child *late = instance->child;

    instance->child = replacement->worker;
    if (instance->child != NULL)
        instance->child->instance = instance;
    replacement->pending = false;
    if (late != NULL) {
        late->instance = NULL;
        child_kill(late);
    }
    instance_start(instance);
}

void
supervisor_undo_replacements(struct supervisor *supervisor)
{
    for (unsigned i = 0; i < WORKERS_MAX; i++)
        if (supervisor->replacements[i].pending)
            undo_replacement(
                &supervisor->workers[i], &supervisor->replacements[i]);
}

void
supervisor_forget_replacement(struct supervisor *supervisor,
    const struct child *worker)
{
    struct replacement *replacement = &supervisor->replacements[worker->number];

    if (replacement->worker == worker)
        replacement->worker = NULL;
}
