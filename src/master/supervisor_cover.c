/* Sockets of workers that are gone and cannot be replaced at once. */
#include "ipc/message_socket.h"
#include "master/child.h"
#include "master/generation.h"
#include "master/supervisor_internal.h"
#include "net/listen_table.h"

static void
send_cover(const struct supervisor *supervisor,
    const struct listen_socket *held, bool serve)
{
    const struct child *cover = supervisor->workers[held->cover - 1].child;

    if (supervisor_serves_now(supervisor, cover))
        message_socket_send(
            cover->channel, MESSAGE_COVER, held, &held->now, serve);
}

static void
end_cover(const struct supervisor *supervisor, struct listen_socket *held,
    unsigned owner)
{
    /* After a change of the number of workers the cover may be the owner. */
    if (held->cover != 0 && held->cover - 1 != owner)
        send_cover(supervisor, held, false);
    held->cover = 0;
}

/* The next worker that serves. */
static void
begin_cover(const struct supervisor *supervisor, struct listen_socket *held,
    unsigned owner)
{
    unsigned workers = supervisor->parts.generations->current.workers;
    unsigned number = (owner + 1) % workers;

    while (number != owner &&
        !supervisor_serves_now(supervisor, supervisor->workers[number].child))
        number = (number + 1) % workers;
    held->cover = number != owner ? number + 1 : 0;
    if (held->cover != 0)
        send_cover(supervisor, held, true);
}

/* A worker that is starting is sent its sockets with what it is to load, those
 * that it covers among them. */
static void
cover_socket(const struct supervisor *supervisor, struct listen_socket *held)
{
    const struct instance *workers = supervisor->workers;
    unsigned owner = (unsigned)(held->socket.index %
        supervisor->parts.generations->current.workers);
    const struct child *worker = workers[owner].child;

    if (supervisor_serves_now(supervisor, worker))
        end_cover(supervisor, held, owner);
    else if (worker == NULL &&
        (held->cover == 0 || workers[held->cover - 1].child == NULL))
        begin_cover(supervisor, held, owner);
}

void
supervisor_cover_sockets(struct supervisor *supervisor)
{
    const struct generations *generations = supervisor->parts.generations;
    struct listen_table *sockets = supervisor->parts.sockets;

    if (supervisor->stopping || generations->current.config == NULL ||
        generations->stage != STAGE_NONE)
        return;
    for (size_t i = 0; i < sockets->count; i++)
        if (sockets->items[i].serves &&
            !listen_socket_is_shared(&sockets->items[i]))
            cover_socket(supervisor, &sockets->items[i]);
}
