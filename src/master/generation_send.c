#include "master/generation_send.h"

#include <string.h>

#include "config/config.h"
#include "files/files.h"
#include "ipc/message_socket.h"
#include "master/child.h"
#include "master/generation.h"
#include "net/listen_table.h"

static bool
is_mine(const struct listen_socket *held, unsigned number, unsigned count)
{
    return listen_socket_is_shared(held) || held->cover == number + 1 ||
        held->socket.index % count == number;
}

/* What is to be loaded. */
struct load {
    const struct generation *generation;
    const struct listen_table *sockets;
    unsigned before; /* workers */
    bool next;       /* what is wanted of the sockets is what counts */
};

static void
send_worker_sockets(struct child *worker, const struct load *load)
{
    unsigned after = load->generation->workers;

    for (size_t i = 0; i < load->sockets->count; i++) {
        const struct listen_socket *held = &load->sockets->items[i];
        bool keep = load->next ? held->wanted : held->serves;

        if (keep && is_mine(held, worker->number, after))
            message_socket_send(worker->channel, MESSAGE_SOCKET, held,
                load->next ? &held->next : &held->now, true);
        else if (!keep && held->serves && load->before > 0 &&
            is_mine(held, worker->number, load->before))
            message_socket_send(worker->channel, MESSAGE_SOCKET, held,
                &held->now, false);
    }
}

/* What others serve at the same address is served on. */
static void
send_drained(struct child *worker, const struct generation *generation)
{
    const struct message_drain fixed = { .timeout_ms = MESSAGE_NO_LIMIT };

    for (size_t i = 0; i < generation->drained.count; i++) {
        const char *service = generation->drained.items[i];

        child_send(
            worker, MESSAGE_DRAIN, &fixed, service, strlen(service), -1);
    }
}

static void
send_load(struct child *child, const struct load *load)
{
    const struct generation *generation = load->generation;
    const struct message_generation fixed = { .generation = generation->number };
    int secrets_fd = files_secrets(generation->config->files);

    child->preparing = generation->number;
    child->prepared = false;
    child_forget_fault(child);
    child_send(child, MESSAGE_BUNDLE, &fixed, NULL, 0, generation->bundle_fd);
    if (child->role == ROLE_WORKER) {
        send_worker_sockets(child, load);
        send_drained(child, generation);
    } else if (secrets_fd >= 0) {
        child_send(child, MESSAGE_SECRETS, &fixed, NULL, 0, secrets_fd);
    }
    child_send(child, MESSAGE_PREPARE, &fixed, NULL, 0, -1);
    conduct_expect(&child->conduct, MESSAGE_PREPARED);
    liveness_obeyed(&child->liveness, LIVENESS_PREPARE); /* an earlier one */
    liveness_order(
        &child->liveness, LIVENESS_PREPARE, LIVENESS_PREPARE_S * 1000);
}

void
generation_send(struct child *child, const struct generations *generations,
    const struct listen_table *sockets, unsigned before)
{
    bool prepares = generations->stage == STAGE_PREPARE;
    const struct load load = {
        .generation = prepares ? &generations->next : &generations->current,
        .sockets = sockets,
        .before = before,
        .next = prepares || generations->stage == STAGE_COMMIT,
    };

    if (load.generation->config != NULL && child->channel != NULL)
        send_load(child, &load);
}
