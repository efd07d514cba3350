#include "master/rollout_internal.h"

#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "config/config.h"
#include "files/files.h"
#include "ipc/message_socket.h"
#include "master/child.h"
#include "master/master_internal.h"
#include "master/spawn.h"
#include "master/supervisor.h"
#include "net/listener_bind.h"

/* What it binds goes by the sockets that are there: which those are, not the
 * sockets themselves. */
static void
tell(struct child *trial)
{
    const struct listen_table *sockets = &trial->master->sockets;

    for (size_t i = 0; i < sockets->count && trial->channel != NULL; i++)
        message_socket_send(trial->channel, MESSAGE_HELD, &sockets->items[i],
            &sockets->items[i].now, sockets->items[i].serves);
    child_send(trial, MESSAGE_TRY, NULL, NULL, 0, -1);
}

/* NULL: logged. */
static struct child *
start(struct master *master, int scout_fd)
{
    const struct rollout *rollout = &master->rollout;
    const struct spawn spawn = {
        .role = ROLE_TRIAL,
        .workers = rollout->workers,
        .strict = rollout->strict,
        .fds = {
            [ROLE_FD_BUNDLE] = rollout->bundle_fd,
            [ROLE_FD_SECRETS] = files_secrets(rollout->config->files),
            [ROLE_FD_SCOUT] = scout_fd,
        },
    };
    struct child *child = child_start(master, NULL, &spawn);
    if (child != NULL)
        tell(child);
    return child;
}

/* The scout has no way to any key, and nothing else asks the DNS. */
struct child *
rollout_start_trial(struct master *master)
{
    struct rollout *rollout = &master->rollout;
    struct child *child;
    int scout_fd = -1;

    if (!rollout->strict) {
        supervisor_need_scout(master, rollout->config);
        scout_fd = supervisor_open_scout(master);
    }
    child = start(master, scout_fd);
    if (scout_fd >= 0)
        close(scout_fd);
    return child;
}

/* The line that has the service listen at that path; NULL: there is none. */
static const struct endpoint *
find_path(const struct service_config *service, const char *path)
{
    for (size_t i = 0; i < service->listen.count; i++)
        if (service->listen.items[i].kind == ENDPOINT_UNIX &&
            strcmp(service->listen.items[i].path, path) == 0)
            return &service->listen.items[i];
    return NULL;
}

/* The master gives the file at a socket's path its mode and owner, and removes
 * it at the end: it is to be one that the configuration names.  NULL: it is;
 * else what is wrong. */
static const char *
fault_of(const struct config *config, const struct message *message)
{
    const struct message_socket *fixed = message->payload;
    const char *path = message_socket_path(message);

    if (fixed->service >= config->service_count)
        return "names a service that there is not";
    if (*path != '\0' &&
        find_path(&config->services[fixed->service], path) == NULL)
        return "names a path that is not the service's";
    return NULL;
}

/* False: the trial has been taken over, and is killed. */
static bool
is_possible(struct child *trial, const struct message *message)
{
    const char *fault = fault_of(trial->master->rollout.config, message);
    char name[CHILD_NAME_SIZE];

    if (fault == NULL)
        return true;
    log_error(NULL, "%s %s, and is killed", child_name(trial, name), fault);
    child_kill(trial);
    return false;
}

/* `made` NULL: it serves, and has its mode and owner until the configuration is
 * in force. */
static void
give_away(struct rollout *rollout, const struct message *message,
    const struct listener_socket *made)
{
    const struct message_socket *fixed = message->payload;
    const struct service_config *service =
        &rollout->config->services[fixed->service];
    const struct endpoint *endpoint =
        find_path(service, message_socket_path(message));

    if (endpoint == NULL)
        return;
    if (made != NULL)
        listener_give(service->name, endpoint, &service->listen_leg,
            made, &rollout->error);
    else
        listener_owner_is_known(service->name, endpoint,
            &service->listen_leg, &rollout->error);
}

void
rollout_wanted(struct child *trial, const struct message *message)
{
    const struct message_socket *fixed = message->payload;
    struct master *master = trial->master;
    struct listen_socket *held =
        listen_table_find(&master->sockets, message->text, fixed->index);

    if (trial != master->rollout.trial || held == NULL ||
        !is_possible(trial, message))
        return;
    held->wanted = true;
    held->next = (struct socket_use){
        .service = fixed->service, .tls = fixed->tls != 0,
    };
    give_away(&master->rollout, message, NULL);
}

void
rollout_bound(struct child *trial, const struct message *message, int fd)
{
    struct master *master = trial->master;
    struct listen_table *sockets = &master->sockets;
    struct listener_socket socket;
    struct listen_socket *held;
    struct socket_use use;

    if (trial != master->rollout.trial || !is_possible(trial, message) ||
        !message_socket_read(message, fd, &socket, &use)) {
        close(fd);
        return;
    }
    held = listen_table_find(sockets, socket.text, socket.index);
    if (held != NULL) {
        listener_socket_leave(&socket);
    } else if ((held = listen_table_add(sockets, &socket)) == NULL) {
        listener_socket_close(&socket);
        error_add(&master->rollout.error, "out of memory");
        return;
    }
    held->wanted = true;
    held->next = use;
    give_away(&master->rollout, message, &held->socket);
}

void
rollout_fault(struct child *child, const struct message *message)
{
    struct rollout *rollout = &child->master->rollout;

    if (child == rollout->trial)
        error_add(&rollout->error, "%s", message->text);
    else if (child->preparing != 0 && !child->prepared)
        child_note_fault(child, message->text);
}

/* What is wanted of a cert_reload is what there is. */
static void
want_all(struct listen_table *sockets)
{
    for (size_t i = 0; i < sockets->count; i++) {
        sockets->items[i].next = sockets->items[i].now;
        sockets->items[i].wanted = sockets->items[i].serves;
    }
}

void
rollout_verdict(struct child *trial, const struct message *message)
{
    const struct message_verdict *verdict = message->payload;
    struct master *master = trial->master;
    struct rollout *rollout = &master->rollout;

    if (trial != rollout->trial)
        return;
    rollout->trial = NULL;
    child_let_go(trial);
    if (rollout->strict)
        want_all(&master->sockets);
    if (verdict->ok && !error_any(&rollout->error))
        rollout_prepare(master);
    else
        rollout_fail(master);
}
