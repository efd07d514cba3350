#include "master/supervisor_internal.h"

#include <unistd.h>

#include "base/log.h"
#include "ipc/channel.h"
#include "master/child.h"
#include "master/generation_send.h"
#include "master/master_internal.h"

/* `type` brings each of them its way to the other. */
static void
join(struct child *worker, struct child *helper, enum message_type type)
{
    int pair[2];

    if (!channel_pair(pair)) {
        log_error(NULL, "cannot join a worker to the %s: %m",
            role_name(helper->role));
        return;
    }
    child_send(worker, type, NULL, NULL, 0, pair[0]);
    child_send(helper, type, NULL, NULL, 0, pair[1]);
    close(pair[0]);
    close(pair[1]);
}

unsigned
supervisor_keeper_of(const struct child *worker)
{
    return worker->number / KEEPER_WORKERS;
}

static void
welcome_worker(struct child *worker)
{
    const struct supervisor *supervisor = &worker->master->supervisor;

    for (unsigned i = 0; i < WORKERS_MAX; i++) {
        struct child *other = supervisor->workers[i].child;

        if (other != NULL)
            supervisor_pair(worker, other);
    }
    supervisor_join_scout(worker);
    supervisor_join_keeper(worker);
    generation_send(worker);
}

void
supervisor_join_keeper(struct child *worker)
{
    struct child *keeper =
        worker->master->supervisor.keepers[supervisor_keeper_of(worker)].child;

    if (keeper != NULL)
        join(worker, keeper, MESSAGE_KEEPER);
}

void
supervisor_join_scout(struct child *worker)
{
    struct child *scout = worker->master->supervisor.scout.child;

    if (scout != NULL)
        join(worker, scout, MESSAGE_SCOUT);
}

int
supervisor_open_scout(struct master *master)
{
    struct child *scout = master->supervisor.scout.child;
    int pair[2];

    if (scout == NULL)
        return -1;
    if (!channel_pair(pair)) {
        log_error(NULL, "cannot make a way to the scout: %m");
        return -1;
    }
    child_send(scout, MESSAGE_SCOUT, NULL, NULL, 0, pair[1]);
    close(pair[1]);
    return pair[0];
}

static void
welcome_scout(struct child *scout)
{
    names_files_send(scout); /* before anything is asked */
    for (struct child *each = scout->master->children; each != NULL;
         each = each->next)
        if (each->role == ROLE_WORKER)
            join(each, scout, MESSAGE_SCOUT);
}

/* Workers that retire too: they may be amid a handshake.  It has its keys
 * before it hears of anybody who has waited for it. */
static void
welcome_keeper(struct child *keeper)
{
    generation_send(keeper);
    for (struct child *each = keeper->master->children; each != NULL;
         each = each->next)
        if (each->role == ROLE_WORKER &&
            supervisor_keeper_of(each) == keeper->number)
            join(each, keeper, MESSAGE_KEEPER);
}

void
supervisor_child_started(struct child *child)
{
    if (child->role == ROLE_WORKER)
        welcome_worker(child);
    else if (child->role == ROLE_SCOUT)
        welcome_scout(child);
    else if (child->role == ROLE_KEEPER)
        welcome_keeper(child);
}

/* A worker that retires at a reload passes on the clients that have said nothing
 * yet.  To a few: as many pairs as there are old workers and new ones would be
 * thousands of descriptors. */
static void
introduce_successors(struct child *worker)
{
    enum { SUCCESSORS = 4 };
    const struct supervisor *supervisor = &worker->master->supervisor;
    unsigned found = 0;

    for (unsigned i = 0; i < WORKERS_MAX && found < SUCCESSORS; i++) {
        struct child *next =
            supervisor->workers[(worker->number + i) % WORKERS_MAX].child;

        if (next == NULL)
            continue;
        supervisor_pair(worker, next);
        found++;
    }
    supervisor_shut_handovers(worker); /* those just made, too */
}

void
supervisor_retire(struct child *worker, uint64_t generation)
{
    const struct message_drain no_limit = {
        .timeout_ms = MESSAGE_NO_LIMIT,
        .generation = generation,
    };

    if (generation != 0)
        introduce_successors(worker);
    worker->preparing = 0;
    worker->switching = generation;
    liveness_obeyed(&worker->liveness, LIVENESS_PREPARE);
    liveness_obeyed(&worker->liveness, LIVENESS_SWITCH);
    if (generation != 0) {
        liveness_order(
            &worker->liveness, LIVENESS_SWITCH, LIVENESS_SWITCH_S * 1000);
        conduct_expect(&worker->conduct, MESSAGE_COMMITTED);
    }
    child_send(worker, MESSAGE_DRAIN, &no_limit, NULL, 0, -1);
}
