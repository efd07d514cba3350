#include "master/generation_send.h"

#include "config/config.h"
#include "files/files.h"
#include "ipc/message_socket.h"
#include "master/child.h"
#include "master/master_internal.h"

static bool
is_mine(const struct listen_socket *held, unsigned number, unsigned count)
{
    return listen_socket_is_shared(held) || held->cover == number + 1 ||
        held->socket.index % count == number;
}

/* While a rollout is prepared, what is wanted is what counts. */
static void
send_sockets(struct child *worker, bool next)
{
    const struct master *master = worker->master;
    unsigned before = master->supervisor.count;
    unsigned after = next ? master->rollout.workers : master->workers;

    for (size_t i = 0; i < master->sockets.count; i++) {
        const struct listen_socket *held = &master->sockets.items[i];
        bool keep = next ? held->wanted : held->serves;

        if (keep && is_mine(held, worker->number, after))
            message_socket_send(worker->channel, MESSAGE_SOCKET, held,
                next ? &held->next : &held->now, true);
        else if (!keep && held->serves && before > 0 &&
            is_mine(held, worker->number, before))
            message_socket_send(worker->channel, MESSAGE_SOCKET, held,
                &held->now, false);
    }
}

/* What is to be loaded. */
struct briefing {
    uint64_t generation;
    const struct config *config;
    int bundle_fd;
    bool next; /* what is wanted is what counts */
};

static void
tell(struct child *child, const struct briefing *briefing)
{
    const struct message_generation fixed = {
        .generation = briefing->generation,
    };
    int secrets_fd = files_secrets(briefing->config->files);

    if (child->channel == NULL)
        return;
    child->preparing = briefing->generation;
    child->prepared = false;
    child_forget_fault(child);
    child_send(child, MESSAGE_BUNDLE, &fixed, NULL, 0, briefing->bundle_fd);
    if (child->role == ROLE_WORKER)
        send_sockets(child, briefing->next);
    else if (secrets_fd >= 0)
        child_send(child, MESSAGE_SECRETS, &fixed, NULL, 0, secrets_fd);
    child_send(child, MESSAGE_PREPARE, &fixed, NULL, 0, -1);
    conduct_expect(&child->conduct, MESSAGE_PREPARED);
    liveness_obeyed(&child->liveness, LIVENESS_PREPARE); /* an earlier one */
    liveness_order(
        &child->liveness, LIVENESS_PREPARE, LIVENESS_PREPARE_S * 1000);
}

void
generation_send(struct child *child)
{
    struct master *master = child->master;
    const struct rollout *rollout = &master->rollout;
    struct briefing briefing = {
        .generation = master->generation,
        .config = master->config,
        .bundle_fd = master->bundle_fd,
        .next = rollout->stage == ROLLOUT_COMMIT,
    };

    if (rollout->stage == ROLLOUT_PREPARE)
        briefing = (struct briefing){
            .generation = rollout->generation,
            .config = rollout->config,
            .bundle_fd = rollout->bundle_fd,
            .next = true,
        };
    if (briefing.config != NULL)
        tell(child, &briefing);
}
