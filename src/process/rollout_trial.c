#include "process/rollout_parts.h"

#include <unistd.h>

#include "config/config.h"
#include "config/files.h"
#include "process/child.h"
#include "process/master_parts.h"
#include "process/socket_message.h"
#include "process/spawn.h"
#include "process/trial.h"

struct child *
rollout_start_trial(struct master *master)
{
    struct rollout *rollout = &master->rollout;
    struct trial trial = {
        .bundle_fd = rollout->bundle_fd,
        .secrets_fd = files_secrets(rollout->config->files),
        .workers = rollout->workers,
        .sockets = &master->sockets,
        .strict = rollout->strict,
    };
    struct spawn spawn = {
        .role = ROLE_TRIAL,
        .keep_all = true, /* the listening sockets among them */
        .run = trial_run,
        .arg = &trial,
    };

    return child_start(master, NULL, &spawn);
}

void
rollout_bound(struct child *trial, const struct message *message, int fd)
{
    struct master *master = trial->master;
    struct sockets *sockets = &master->sockets;
    struct listener_socket socket;
    struct held_socket *held;
    struct socket_use use;

    if (trial != master->rollout.trial ||
        !socket_message_read(message, fd, &socket, &use)) {
        close(fd);
        return;
    }
    held = sockets_find(sockets, socket.text, socket.index);
    if (held != NULL) {
        listener_socket_leave(&socket);
    } else if ((held = sockets_add(sockets, &socket)) == NULL) {
        listener_socket_close(&socket);
        error_add(&master->rollout.error, "out of memory");
        return;
    }
    held->wanted = true;
    held->next = use;
}

void
rollout_fault(struct child *child, const struct message *message)
{
    struct rollout *rollout = &child->master->rollout;
    bool is_trial = child == rollout->trial;
    bool prepares = rollout->stage == ROLLOUT_PREPARE &&
        child->preparing == rollout->generation && !child->prepared;

    if (is_trial || prepares)
        error_add(&rollout->error, "%s", message->text);
}

/* What is wanted of a renewal is what there is. */
static void
want_all(struct sockets *sockets)
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
