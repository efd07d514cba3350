#include "master/listen_check.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "config/config.h"
#include "ipc/message_socket.h"
#include "master/child.h"
#include "master/fdstore.h"
#include "master/master_internal.h"
#include "net/listener_revive.h"

static void
tell_workers(const struct master *master, const struct listen_socket *held)
{
    for (const struct child *each = master->children; each != NULL;
         each = each->next)
        if (each->role == ROLE_WORKER && each->channel != NULL)
            message_socket_send(
                each->channel, MESSAGE_REBOUND, held, &held->now, true);
}

/* A unix socket is another one from then on. */
static void
forget_stored(struct listen_table *sockets, struct listen_socket *held)
{
    if (held->stored && sockets->given_up != NULL)
        sockets->given_up(sockets->arg, held);
    held->stored = false;
}

/* What cannot be mended is tried again, and told of once. */
static void
revive(struct master *master, struct listen_socket *held)
{
    const struct service_config *service =
        &master->config->services[held->now.service];
    struct error error = { 0 };
    bool done = listener_revive(&held->socket, &service->listen_leg, &error);

    if (done)
        forget_stored(&master->sockets, held);
    if (done || !held->broken)
        log_error(service->name, "the listening socket of %s was shut down by "
            "a process that has it%s", held->socket.text,
            done ? "; it listens again" : ", and clients are not let in");
    for (size_t i = 0; i < error.count && !held->broken; i++)
        log_error(service->name, "%s: %s", held->socket.text,
            error.messages[i]);
    error_clear(&error);
    held->broken = !done;
    if (done)
        tell_workers(master, held);
}

/* Or accept(2) would wait in whoever shares it. */
static void
keep_nonblocking(const struct listen_socket *held)
{
    int flags = fcntl(held->socket.fd, F_GETFL);

    if (flags < 0 || (flags & O_NONBLOCK) != 0)
        return;
    log_error(NULL, "the listening socket of %s was made blocking by a "
        "process that has it; it is not any more", held->socket.text);
    if (!fd_set_nonblocking(held->socket.fd))
        log_error(NULL, "%s stays blocking: %m", held->socket.text);
}

static void
check(struct master *master, const int *fds, bool *dead)
{
    struct listen_table *sockets = &master->sockets;
    bool any = false;

    if (!listener_find_dead(fds, sockets->count, dead))
        return; /* out of memory: the next time */
    for (size_t i = 0; i < sockets->count; i++) {
        struct listen_socket *held = &sockets->items[i];

        if (!held->serves)
            continue;
        keep_nonblocking(held);
        if (dead[i])
            revive(master, held);
        any |= dead[i];
    }
    if (any)
        fdstore_fill(master);
}

/* From a switch on until it is settled, sockets are of services by their numbers
 * in the configuration from before. */
static bool
are_in_order(const struct master *master)
{
    return master->config != NULL && master->rollout.stage != ROLLOUT_COMMIT;
}

void
listen_check(struct master *master)
{
    const struct listen_table *sockets = &master->sockets;
    int *fds;
    bool *dead;

    if (!are_in_order(master) || master->stopping || sockets->count == 0)
        return;
    fds = calloc(sockets->count, sizeof(*fds));
    dead = calloc(sockets->count, sizeof(*dead));
    for (size_t i = 0; fds != NULL && i < sockets->count; i++)
        fds[i] = sockets->items[i].socket.fd;
    if (fds != NULL && dead != NULL)
        check(master, fds, dead);
    free(fds);
    free(dead);
}
