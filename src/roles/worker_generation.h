/*
 * The generation that a worker prepares, beside the one in force.
 *
 * It comes piece by piece (a bundle, then listening sockets), and is loaded step
 * by step, so that the worker serves its clients between two steps.
 */
#ifndef ROLES_WORKER_GENERATION_H
#define ROLES_WORKER_GENERATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/error.h"
#include "config/config.h"
#include "net/listen_table.h"
#include "net/listener_bind.h"

struct config_loading;
struct acceptor;
struct relay;
struct services_old;
struct shares;
struct services_work;
struct tls_ticket_secrets;
struct tls_signer;

/* A listening socket that the worker will serve, or (not `serve`) give up. */
struct planned_socket {
    uint64_t id;
    struct listener_socket socket;
    struct socket_use use;
    bool serve;
    struct acceptor *acceptor; /* while the worker switches: the one of that id */
};

enum plan_state {
    PLAN_NONE,
    PLAN_TOLD,      /* its bundle is there, and sockets come */
    PLAN_PREPARING, /* steps are to be made */
    PLAN_PREPARED,
};

struct worker_generation {
    enum plan_state state;
    uint64_t generation;
    int bundle_fd;
    struct config_loading *loading;
    struct config *config;
    struct services_work *work;
    struct service **services;
    struct shares *shares; /* of those that share an address */
    struct planned_socket *sockets;
    size_t socket_count;
    struct strings drained; /* services, since the plan began */
    struct error error;     /* what its steps found */
};

/* What the new services are made of. */
struct plan_basis {
    const struct relay *relay; /* those of its services that have not changed
                                  are used again; they have to stay meanwhile */
    const struct tls_ticket_secrets *tickets;
    struct tls_signer *signer;
};

/* Forgets what was planned and begins anew; takes `bundle_fd`. */
void worker_generation_begin(struct worker_generation *plan,
    uint64_t generation, int bundle_fd, struct services_old *old);

/* Takes what `socket` holds; if it cannot be kept it is closed, and the plan
 * cannot be prepared. */
void worker_generation_add(
    struct worker_generation *plan, const struct planned_socket *socket);

/* Makes the next step of a plan that is PLAN_PREPARING: reads the bundle, or loads
 * or makes one service.  False: it has failed, and every fault is in the plan's
 * `error`. */
NODISCARD bool worker_generation_step(
    struct worker_generation *plan, const struct plan_basis *basis);

/* Another socket is to be served in place of the one of the same id, which does
 * not listen any more: in the plan, and where there is an acceptor for it.  Takes
 * what `socket` holds. */
void worker_generation_rebind(struct worker_generation *plan,
    struct relay *relay, struct planned_socket *socket);

/* A socket of a worker that is gone is served here as well, or (not `serve`) no
 * more.  Takes what `socket` holds. */
void worker_generation_cover(
    struct relay *relay, struct planned_socket *socket);

/* What was planned and prepared is in force: the relay accepts for it, and its
 * services until now are left to `old`. */
void worker_generation_commit(struct worker_generation *plan,
    struct relay *relay, struct services_old *old);

/* A service is drained: what is planned for it will be given up. */
void worker_generation_drain(struct worker_generation *plan,
    const char *service);

/* Services that were made are left to `old`. */
void worker_generation_clear(struct worker_generation *plan,
    struct services_old *old);

#endif
