/*
 * The generation that a worker prepares, beside the one in force.
 */
#ifndef PROCESS_WORKER_PLAN_H
#define PROCESS_WORKER_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "net/listener_bind.h"
#include "process/sockets.h"

struct config;
struct error;
struct relay;
struct tls_secret;
struct tls_signer;

/* A listening socket that the worker will serve, or (not `serve`) give up. */
struct planned_socket {
    uint64_t id;
    struct listener_socket socket;
    struct socket_use use;
    bool serve;
};

struct worker_plan {
    uint64_t generation; /* 0: none */
    int bundle_fd;
    struct config *config;
    struct service **services;
    struct planned_socket *sockets;
    size_t socket_count;
};

/* Forgets what was planned and begins anew; takes `bundle_fd`. */
void worker_plan_begin(
    struct worker_plan *plan, uint64_t generation, int bundle_fd);

/* Takes what `socket` holds; out of memory it is closed, and the plan cannot be
 * prepared. */
void worker_plan_add(
    struct worker_plan *plan, const struct planned_socket *socket);

/* Loads the bundle and makes its services; those that have not changed are the
 * relay's own.  False: every fault is in `error`. */
NODISCARD bool worker_plan_prepare(struct worker_plan *plan,
    const struct relay *relay, const struct tls_secret *secret,
    struct tls_signer *signer, struct error *error);

/* What was planned and prepared is in force: the relay accepts for it. */
void worker_plan_switch(struct worker_plan *plan, struct relay *relay);

/* A service is drained: what was planned for it is given up. */
void worker_plan_drain(struct worker_plan *plan, const char *service);

void worker_plan_clear(struct worker_plan *plan);

#endif
