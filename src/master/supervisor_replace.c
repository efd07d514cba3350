#include "master/supervisor_internal.h"

#include "base/scoreboard.h"
#include "master/child.h"
#include "master/master_internal.h"
#include "sandbox/sandbox.h"

/* So that a configuration that changes again and again under connections that
 * stay does not add processes without end: three for each of the most workers,
 * and the others, find room on the scoreboard. */
enum { RELIEVED_MAX = 2 };

bool
supervisor_must_end_replacements(const struct instance *instance)
{
    unsigned count = 0;

    for (const struct child *each = instance->master->children; each != NULL;
         each = each->next)
        count += each->role == ROLE_WORKER && each->instance == NULL &&
            each->number == instance->number && !each->killed &&
            scoreboard_slot_active(instance->master->board, each->slot,
                SCOREBOARD_ALL) > 0;
    return count >= RELIEVED_MAX;
}

/* It has not said yet that it accepts no more. */
static bool
is_being_relieved(const struct child *child)
{
    return child->role == ROLE_WORKER && child->instance == NULL &&
        child->channel != NULL &&
        child->switching == child->master->generation;
}

bool
supervisor_is_replacing(const struct master *master)
{
    const struct child *each = master->children;

    while (each != NULL && !is_being_relieved(each))
        each = each->next;
    return each != NULL;
}

void
supervisor_kill_replaced(struct master *master)
{
    for (struct child *each = master->children; each != NULL;
         each = each->next)
        if (is_being_relieved(each))
            child_kill(each);
}

bool
supervisor_reaches_anywhere(const struct master *master)
{
    const struct child *each = master->children;

    while (each != NULL && (each->reach == NULL || !each->reach->anywhere))
        each = each->next;
    return each != NULL;
}

void
supervisor_replace(struct instance *instance)
{
    struct supervisor *supervisor = &instance->master->supervisor;

    supervisor->replacements[instance->number] = (struct replacement){
        .pending = true, .worker = instance->child,
    };
    instance->child->instance = NULL;
    instance->child = NULL;
    instance_start(instance);
}

void
supervisor_confirm_replacements(struct master *master)
{
    for (unsigned i = 0; i < WORKERS_MAX; i++) {
        struct replacement *replacement = &master->supervisor.replacements[i];

        if (!replacement->pending)
            continue;
        if (replacement->worker != NULL) {
            supervisor_shut_handovers(replacement->worker);
            supervisor_retire(replacement->worker, master->generation);
        }
        replacement->pending = false;
    }
}

static void
reinstate(struct instance *instance, struct replacement *replacement)
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
supervisor_undo_replacements(struct master *master)
{
    struct supervisor *supervisor = &master->supervisor;

    for (unsigned i = 0; i < WORKERS_MAX; i++)
        if (supervisor->replacements[i].pending)
            reinstate(&supervisor->workers[i], &supervisor->replacements[i]);
}

void
supervisor_forget_replacement(struct supervisor *supervisor,
    const struct child *worker)
{
    struct replacement *replacement = &supervisor->replacements[worker->number];

    if (replacement->worker == worker)
        replacement->worker = NULL;
}
