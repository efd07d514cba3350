/*
 * A worker's part in a rollout: what the master says of generations, and what
 * the worker answers.
 *
 * A configuration is prepared in slices between turns of the loop (slice.h), and
 * what it replaces is freed so too: clients are served meanwhile, by the services
 * that they know.  Each MESSAGE_PREPARE is answered by one MESSAGE_PREPARED: with
 * faults or without, or `given_up` if the worker was told something else before
 * it was done.
 */
#ifndef ROLES_WORKER_ROLLOUT_H
#define ROLES_WORKER_ROLLOUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "base/slice.h"
#include "ipc/message.h"
#include "net/loop.h"
#include "relay/services.h"
#include "roles/worker_generation.h"

struct relay;

struct worker_rollout_calls {
    /* To the master. */
    void (*say)(void *arg, enum message_type type, const void *fixed,
        const char *text, size_t length);

    /* Before acceptors and services change, and behind it. */
    void (*switching)(void *arg);
    void (*switched)(void *arg);
};

struct worker_rollout {
    struct relay *relay;
    const struct worker_rollout_calls *calls;
    void *arg;
    struct plan_basis basis;
    struct worker_generation plan;
    struct services_old old;
    struct loop_task task; /* queued as long as there is something to do */
    struct slice slice;
};

/* `relay` has its loop; `tickets` and `signer` as in struct services_spec. */
void worker_rollout_init(struct worker_rollout *rollout, struct relay *relay,
    const struct tls_ticket_secrets *tickets, struct tls_signer *signer,
    const struct worker_rollout_calls *calls, void *arg);

/* MESSAGE_BUNDLE, _SOCKET, _REBOUND, _COVER, _PREPARE, _COMMIT or _ABORT; takes
 * `fd`, -1 where none comes with it. */
void worker_rollout_dispatch(
    struct worker_rollout *rollout, const struct message *message, int fd);

/* A service is drained, in what is planned too. */
void worker_rollout_drain(struct worker_rollout *rollout, const char *service);

/* The worker will serve nothing more: gives up what is planned. */
void worker_rollout_give_up(struct worker_rollout *rollout);

/* Answers nothing more. */
void worker_rollout_clear(struct worker_rollout *rollout);

#endif
