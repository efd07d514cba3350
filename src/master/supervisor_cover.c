/* Sockets of workers that are gone and cannot be replaced at once. */
#include "ipc/message_socket.h"
#include "master/child.h"
#include "master/master_internal.h"
#include "master/supervisor_internal.h"

bool
supervisor_serves_now(const struct child *worker)
{
    return worker != NULL && worker->channel != NULL && !worker->killed &&
        worker->generation == worker->master->generation;
}

static void
tell_cover(struct master *master, const struct listen_socket *held, bool serve)
{
    const struct child *cover =
        master->supervisor.workers[held->cover - 1].child;

    if (supervisor_serves_now(cover))
        message_socket_send(
            cover->channel, MESSAGE_COVER, held, &held->now, serve);
}

static void
end_cover(struct master *master, struct listen_socket *held, unsigned owner)
{
    /* After a change of their number it may have become the owner. */
    if (held->cover != 0 && held->cover - 1 != owner)
        tell_cover(master, held, false);
    held->cover = 0;
}

/* The next worker that serves. */
static void
begin_cover(struct master *master, struct listen_socket *held, unsigned owner)
{
    unsigned number = (owner + 1) % master->workers;

    while (number != owner &&
        !supervisor_serves_now(master->supervisor.workers[number].child))
        number = (number + 1) % master->workers;
    held->cover = number != owner ? number + 1 : 0;
    if (held->cover != 0)
        tell_cover(master, held, true);
}

/* A worker that is starting has its sockets from its briefing, those that it
 * covers among them. */
static void
cover_socket(struct master *master, struct listen_socket *held)
{
    const struct instance *workers = master->supervisor.workers;
    unsigned owner = held->socket.index % master->workers;
    const struct child *worker = workers[owner].child;

    if (supervisor_serves_now(worker))
        end_cover(master, held, owner);
    else if (worker == NULL &&
        (held->cover == 0 || workers[held->cover - 1].child == NULL))
        begin_cover(master, held, owner);
}

void
supervisor_cover_sockets(struct master *master)
{
    struct listen_table *sockets = &master->sockets;

    if (master->stopping || master->config == NULL ||
        master->rollout.stage != ROLLOUT_NONE)
        return;
    for (size_t i = 0; i < sockets->count; i++)
        if (sockets->items[i].serves &&
            !listen_socket_is_shared(&sockets->items[i]))
            cover_socket(master, &sockets->items[i]);
}
