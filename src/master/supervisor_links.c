#include "master/supervisor_internal.h"

#include <unistd.h>

#include "base/log.h"
#include "ipc/channel.h"
#include "master/child.h"
#include "master/generation_send.h"

/* `type` brings each of them its end of the link. */
static void
join_helper(struct child *worker, struct child *helper, enum message_type type)
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

void
supervisor_load(struct supervisor *supervisor, struct child *child)
{
    const struct supervisor_parts *parts = &supervisor->parts;

    generation_send(
        child, parts->generations, parts->sockets, supervisor->count);
}

static void
link_worker(struct supervisor *supervisor, struct child *worker)
{
    for (unsigned i = 0; i < WORKERS_MAX; i++) {
        struct child *other = supervisor->workers[i].child;

        if (other != NULL)
            supervisor_pair(supervisor, worker, other);
    }
    supervisor_join_scout(supervisor, worker);
    supervisor_join_keeper(supervisor, worker);
    supervisor_load(supervisor, worker);
}

void
supervisor_join_keeper(struct supervisor *supervisor, struct child *worker)
{
    struct child *keeper =
        supervisor->keepers[supervisor_keeper_of(worker)].child;

    if (keeper != NULL)
        join_helper(worker, keeper, MESSAGE_KEEPER);
}

void
supervisor_join_scout(struct supervisor *supervisor, struct child *worker)
{
    struct child *scout = supervisor->scout.child;

    if (scout != NULL)
        join_helper(worker, scout, MESSAGE_SCOUT);
}

int
supervisor_open_scout(struct supervisor *supervisor)
{
    struct child *scout = supervisor->scout.child;
    int pair[2];

    if (scout == NULL)
        return -1;
    if (!channel_pair(pair)) {
        log_error(NULL, "cannot make a link to the scout: %m");
        return -1;
    }
    child_send(scout, MESSAGE_SCOUT, NULL, NULL, 0, pair[1]);
    close(pair[1]);
    return pair[0];
}

void
supervisor_send_names(struct supervisor *supervisor)
{
    struct child *scout = supervisor->scout.child;

    if (scout != NULL && supervisor->names.fd >= 0)
        child_send(
            scout, MESSAGE_NAMES, NULL, NULL, 0, supervisor->names.fd);
}

/* The scout has its files before it has to look anything up. */
static void
link_scout(struct supervisor *supervisor, struct child *scout)
{
    struct child *each;

    supervisor_send_names(supervisor);
    LIST_FOREACH(each, &supervisor->parts.children->list, link)
        if (each->role == ROLE_WORKER)
            join_helper(each, scout, MESSAGE_SCOUT);
}

/* Workers that retire are linked too: they may be amid a handshake.  The keeper
 * has its keys before any worker's first request. */
static void
link_keeper(struct supervisor *supervisor, struct child *keeper)
{
    struct child *each;

    supervisor_load(supervisor, keeper);
    LIST_FOREACH(each, &supervisor->parts.children->list, link)
        if (each->role == ROLE_WORKER &&
            supervisor_keeper_of(each) == keeper->number)
            join_helper(each, keeper, MESSAGE_KEEPER);
}

void
supervisor_link_child(struct supervisor *supervisor, struct child *child)
{
    if (child->role == ROLE_WORKER)
        link_worker(supervisor, child);
    else if (child->role == ROLE_SCOUT)
        link_scout(supervisor, child);
    else if (child->role == ROLE_KEEPER)
        link_keeper(supervisor, child);
}

/* A worker that retires at a reload passes on the clients that have said nothing
 * yet.  To a few: as many pairs as there are old workers and new ones would be
 * thousands of descriptors. */
static void
link_successors(struct supervisor *supervisor, struct child *worker)
{
    enum { SUCCESSORS = 4 };
    unsigned found = 0;

    for (unsigned i = 0; i < WORKERS_MAX && found < SUCCESSORS; i++) {
        struct child *next =
            supervisor->workers[(worker->number + i) % WORKERS_MAX].child;

        if (next == NULL)
            continue;
        supervisor_pair(supervisor, worker, next);
        found++;
    }
    supervisor_shut_handovers(supervisor, worker); /* those just made, too */
}

void
supervisor_retire(struct supervisor *supervisor, struct child *worker,
    uint64_t generation)
{
    const struct message_drain no_limit = {
        .timeout_ms = MESSAGE_NO_LIMIT,
        .generation = generation,
    };

    if (generation != 0)
        link_successors(supervisor, worker);
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
