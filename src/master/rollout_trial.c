#include "master/rollout_internal.h"

#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "config/config.h"
#include "files/files.h"
#include "ipc/message_socket.h"
#include "master/child.h"
#include "master/generation.h"
#include "master/spawn.h"
#include "master/supervisor.h"
#include "net/listen_table.h"
#include "net/listener_rights.h"

/* What it binds goes by the sockets that are there: which those are, not the
 * sockets themselves. */
static void
send_sockets_in_use(struct child *trial, const struct listen_table *sockets)
{
    for (size_t i = 0; i < sockets->count && trial->channel != NULL; i++)
        message_socket_send(trial->channel, MESSAGE_HELD, &sockets->items[i],
            &sockets->items[i].now, sockets->items[i].serves);
    child_send(trial, MESSAGE_TRY, NULL, NULL, 0, -1);
}

/* NULL: logged. */
static struct child *
spawn_trial(const struct rollout *rollout, int scout_fd)
{
    const struct supervisor_parts *parts = &rollout->parts.supervisor->parts;
    const struct generation *next = &rollout->parts.generations->next;
    const struct spawn spawn = {
        .role = ROLE_TRIAL,
        .workers = next->workers,
        .strict = rollout->strict,
        .fds = {
            [ROLE_FD_BUNDLE] = next->bundle_fd,
            [ROLE_FD_SECRETS] = files_secrets(next->config->files),
            [ROLE_FD_SCOUT] = scout_fd,
        },
    };
    struct child *child = child_start(parts->children, NULL, &spawn);

    if (child != NULL)
        send_sockets_in_use(child, parts->sockets);
    return child;
}

/* Only the scout, which can reach no key, looks names up. */
struct child *
rollout_start_trial(const struct rollout *rollout)
{
    struct supervisor *supervisor = rollout->parts.supervisor;
    struct child *child;
    int scout_fd = -1;

    if (!rollout->strict) {
        supervisor_need_scout(
            supervisor, rollout->parts.generations->next.config);
        scout_fd = supervisor_open_scout(supervisor);
    }
    child = spawn_trial(rollout, scout_fd);
    if (scout_fd >= 0)
        close(scout_fd);
    return child;
}

static const char no_such_service[] = "names a service that there is not";

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

static void
kill_taken_over(struct child *trial, const char *fault)
{
    char name[CHILD_NAME_SIZE];

    log_error(NULL, "%s %s, and is killed", child_name(trial, name), fault);
    child_kill(trial);
}

/* The master gives the file at a socket's path its mode and owner, and removes
 * it at the end: it is to be one that the configuration names.  NULL: it is;
 * else what is wrong. */
static const char *
fault_of_socket(const struct config *config, const struct message *message)
{
    const struct message_socket *fixed = message->payload;
    const char *path = message_socket_path(message);

    if (fixed->service >= config->service_count)
        return no_such_service;
    if (fixed->endpoint >= config->services[fixed->service].listen.count)
        return "names an endpoint that its service has not";
    if (*path != '\0' &&
        find_path(&config->services[fixed->service], path) == NULL)
        return "names a path that is not the service's";
    return NULL;
}

/* False: the trial has been taken over, and is killed. */
static bool
is_possible(const struct rollout *rollout, struct child *trial,
    const struct message *message)
{
    const char *fault = fault_of_socket(
        rollout->parts.generations->next.config, message);

    if (fault == NULL)
        return true;
    kill_taken_over(trial, fault);
    return false;
}

/* `made` NULL: the socket serves, and keeps its mode and owner until the
 * configuration is active. */
static void
give_socket(struct rollout *rollout, const struct message *message,
    const struct listener_socket *made)
{
    const struct message_socket *fixed = message->payload;
    const struct service_config *service =
        &rollout->parts.generations->next.config->services[fixed->service];
    const struct endpoint *endpoint =
        find_path(service, message_socket_path(message));

    if (endpoint == NULL)
        return;
    if (made != NULL)
        listener_rights_give(service->name, endpoint, &service->listen_leg,
            made, &rollout->error);
    else
        listener_rights_are_known(service->name, endpoint,
            &service->listen_leg, &rollout->error);
}

void
rollout_wanted(struct rollout *rollout, struct child *trial,
    const struct message *message)
{
    const struct message_socket *fixed = message->payload;
    struct listen_socket *held = listen_table_find(
        rollout->parts.supervisor->parts.sockets, message->text, fixed->index);

    if (trial != rollout->trial || held == NULL ||
        !is_possible(rollout, trial, message))
        return;
    held->wanted = true;
    held->next = (struct socket_use){
        .service = fixed->service,
        .endpoint = fixed->endpoint,
        .tls = fixed->tls != 0,
    };
    give_socket(rollout, message, NULL);
}

void
rollout_bound(struct rollout *rollout, struct child *trial,
    const struct message *message, int fd)
{
    struct listen_table *sockets = rollout->parts.supervisor->parts.sockets;
    struct listener_socket socket;
    struct listen_socket *held;
    struct socket_use use;

    if (trial != rollout->trial || !is_possible(rollout, trial, message) ||
        !message_socket_read(message, fd, &socket, &use)) {
        close(fd);
        return;
    }
    held = listen_table_find(sockets, socket.text, socket.index);
    if (held != NULL) {
        listener_socket_leave(&socket);
    } else if ((held = listen_table_add(sockets, &socket)) == NULL) {
        listener_socket_close(&socket);
        error_no_memory(&rollout->error);
        return;
    }
    held->wanted = true;
    held->next = use;
    give_socket(rollout, message, &held->socket);
}

void
rollout_fault(struct rollout *rollout, struct child *child,
    const struct message *message)
{
    if (child == rollout->trial)
        error_add(&rollout->error, "%s", message->text);
    else if (child->preparing != 0 && !child->prepared)
        child_note_fault(child, message->text);
}

void
rollout_warning(struct rollout *rollout, const struct child *trial,
    const struct message *message)
{
    if (trial == rollout->trial)
        error_add(&rollout->warnings, "%s", message->text);
}

/* Whatever path it is: only files of directories and patterns are asked for. */
void
rollout_left_out(struct rollout *rollout, const struct child *trial,
    const struct message *message)
{
    const struct generation *next = &rollout->parts.generations->next;

    if (trial != rollout->trial)
        return;
    rollout->left_out = true;
    if (!files_leave_out(next->config->files, message->text, "unusable"))
        error_no_memory(&rollout->error);
}

/* A certificate that there is no memory for is not announced. */
void
rollout_cert(struct rollout *rollout, struct child *trial,
    const struct message *message)
{
    const struct message_cert *cert = message->payload;
    struct generation *next = &rollout->parts.generations->next;

    if (trial != rollout->trial)
        return;
    if (cert->service >= next->config->service_count)
        kill_taken_over(trial, no_such_service);
    else if (!cert_records_add(&next->certs,
                 &next->config->services[cert->service], message))
        log_debug(NULL, "the end of a certificate is not watched: there are "
            "too many, or there is no memory");
}
