/* The socket pairs through which workers hand each other connections. */
#include "master/supervisor_internal.h"

#include <sys/socket.h>

#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "master/child.h"
#include "master/generation.h"
#include "roles/worker_handover.h"

/* The master keeps both ends, each of which one worker has as well: to shut one
 * before its worker drains, and to pass on what a dead one has not read. */
struct worker_pair {
    LIST_ENTRY(worker_pair) link;
    struct child *workers[2];
    int fds[2]; /* of each worker, in that order */
};

/* INBOX_GONE sends the end of the worker that has ended, so that it stays open
 * until what came from there has been read: see worker_handover_introduce(). */
static void
send_pair(const struct worker_pair *pair, unsigned which,
    enum message_inbox_state state)
{
    int fd = pair->fds[state == INBOX_GONE ? 1 - which : which];
    const struct message_handover fixed = {
        .slot = pair->workers[1 - which]->slot,
        .state = state,
    };

    child_send(pair->workers[which], MESSAGE_HANDOVER, &fixed, NULL, 0, fd);
}

bool
supervisor_serves_now(
    const struct supervisor *supervisor, const struct child *worker)
{
    return worker != NULL && worker->channel != NULL && !worker->killed &&
        worker->generation == supervisor->parts.generations->current.number;
}

static bool
is_between(const struct worker_pair *pair, const struct child *one,
    const struct child *other)
{
    return (pair->workers[0] == one && pair->workers[1] == other) ||
        (pair->workers[0] == other && pair->workers[1] == one);
}

static bool
are_paired(const struct supervisor *supervisor, const struct child *one,
    const struct child *other)
{
    const struct worker_pair *pair;

    LIST_FOREACH(pair, &supervisor->pairs, link)
        if (is_between(pair, one, other))
            return true;
    return false;
}

void
supervisor_pair(struct supervisor *supervisor, struct child *one,
    struct child *other)
{
    struct worker_pair *pair;

    if (one == other || are_paired(supervisor, one, other))
        return;
    pair = malloc(sizeof(*pair));
    if (pair == NULL || !worker_handover_pair(pair->fds)) {
        log_warn(NULL, "worker %u and worker %u hand each other no "
            "connections: %m", one->number, other->number);
        free(pair);
        return;
    }
    pair->workers[0] = one;
    pair->workers[1] = other;
    LIST_INSERT_HEAD(&supervisor->pairs, pair, link);
    for (unsigned i = 0; i < 2; i++)
        send_pair(pair, i, INBOX_OPEN);
}

/* The worker's place in the pair; 2: it has none. */
static unsigned
place_of(const struct worker_pair *pair, const struct child *worker)
{
    unsigned place = 0;

    while (place < 2 && pair->workers[place] != worker)
        place++;
    return place;
}

void
supervisor_shut_handovers(
    const struct supervisor *supervisor, const struct child *worker)
{
    const struct worker_pair *pair;

    LIST_FOREACH(pair, &supervisor->pairs, link) {
        unsigned place = place_of(pair, worker);

        if (place < 2)
            (void)shutdown(pair->fds[place], SHUT_RD);
    }
}

static bool
has_unread(int fd)
{
    char byte;

    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
}

/* Passes on connections that only this pair holds. */
static void
pass_on_handovers(const struct worker_pair *pair, unsigned place,
    struct child *heir)
{
    const struct message_handover fixed = { .state = INBOX_LEFT };

    if (heir != NULL && has_unread(pair->fds[place]))
        child_send(heir, MESSAGE_HANDOVER, &fixed, NULL, 0, pair->fds[place]);
}

static void
close_worker_pair(struct worker_pair *pair)
{
    LIST_REMOVE(pair, link);
    close(pair->fds[0]);
    close(pair->fds[1]);
    free(pair);
}

/* A worker that has its acceptors. */
static struct child *
find_heir(const struct supervisor *supervisor, const struct child *worker)
{
    for (unsigned i = 0; i < WORKERS_MAX; i++)
        if (supervisor->workers[i].child != worker &&
            supervisor_serves_now(supervisor, supervisor->workers[i].child))
            return supervisor->workers[i].child;
    return NULL;
}

void
supervisor_unpair(struct supervisor *supervisor, const struct child *worker)
{
    struct worker_pair *pair, *next;
    struct child *heir = find_heir(supervisor, worker);

    supervisor_shut_handovers(supervisor, worker);
    for (pair = LIST_FIRST(&supervisor->pairs); pair != NULL; pair = next) {
        unsigned place = place_of(pair, worker);

        next = LIST_NEXT(pair, link);
        if (place == 2)
            continue;
        pass_on_handovers(pair, place, heir);
        send_pair(pair, 1 - place, INBOX_GONE);
        close_worker_pair(pair);
    }
}

void
supervisor_clear_pairs(struct supervisor *supervisor)
{
    while (!LIST_EMPTY(&supervisor->pairs))
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it is off the list */
        close_worker_pair(LIST_FIRST(&supervisor->pairs));
}
