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
#include "master/generation.h"
#include "net/listen_table.h"
#include "net/listener_revive.h"

static void
send_rebound(
    const struct children *children, const struct listen_socket *held)
{
    const struct child *each;

    LIST_FOREACH(each, &children->list, link)
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
revive_listener(const struct listen_check *check, struct listen_socket *held)
{
    const struct service_config *service =
        &check->generations->current.config->services[held->now.service];
    struct error error = { 0 };
    bool done = listener_revive(&held->socket, &service->listen_leg, &error);

    if (done)
        forget_stored(check->sockets, held);
    if (done || !held->broken)
        log_error(service->name, "the listening socket of %s was shut down by "
            "a process that has it%s", held->socket.text,
            done ? "; it listens again" : ", and no client is accepted");
    for (size_t i = 0; i < error.count && !held->broken; i++)
        log_error(service->name, "%s: %s", held->socket.text,
            error.messages[i]);
    error_clear(&error);
    held->broken = !done;
    if (done)
        send_rebound(check->children, held);
}

/* A blocking listening socket would have accept(2) wait in every process that
 * shares it. */
static void
keep_nonblocking(const struct listen_socket *held)
{
    int flags = fcntl(held->socket.fd, F_GETFL);

    if (flags < 0 || (flags & O_NONBLOCK) != 0)
        return;
    log_error(NULL,
        "the listening socket of %s was made blocking by a "
        "process that has it; it is made non-blocking again",
        held->socket.text);
    if (!fd_set_nonblocking(held->socket.fd))
        log_error(NULL, "%s stays blocking: %m", held->socket.text);
}

static void
check_all(const struct listen_check *check, const int *fds, bool *dead)
{
    struct listen_table *sockets = check->sockets;
    bool any = false;

    if (!listener_find_dead(fds, sockets->count, dead))
        return; /* out of memory: the next time */
    for (size_t i = 0; i < sockets->count; i++) {
        struct listen_socket *held = &sockets->items[i];

        if (!held->serves)
            continue;
        keep_nonblocking(held);
        if (dead[i])
            revive_listener(check, held);
        any |= dead[i];
    }
    if (any)
        fdstore_fill(check->fdstore);
}

/* From a commit until all processes have taken it up, sockets still have the
 * numbers of services in the configuration from before. */
static bool
are_in_order(const struct generations *generations)
{
    return generations->current.config != NULL &&
        generations->stage != STAGE_COMMIT;
}

void
listen_check(const struct listen_check *check)
{
    const struct listen_table *sockets = check->sockets;
    int *fds;
    bool *dead;

    if (!are_in_order(check->generations) || sockets->count == 0)
        return;
    fds = calloc(sockets->count, sizeof(*fds));
    dead = calloc(sockets->count, sizeof(*dead));
    for (size_t i = 0; fds != NULL && i < sockets->count; i++)
        fds[i] = sockets->items[i].socket.fd;
    if (fds != NULL && dead != NULL)
        check_all(check, fds, dead);
    free(fds);
    free(dead);
}
