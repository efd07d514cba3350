#include "roles/worker_generation.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/scoreboard.h"
#include "config/config.h"
#include "config/config_load.h"
#include "relay/acceptor.h"
#include "relay/limits.h"
#include "relay/relay.h"
#include "relay/service.h"
#include "relay/services.h"
#include "relay/share.h"

static void
close_bundle(struct worker_generation *plan)
{
    if (plan->bundle_fd >= 0)
        close(plan->bundle_fd);
    plan->bundle_fd = -1;
}

void
worker_generation_clear(struct worker_generation *plan, struct services_old *old)
{
    if (plan->state == PLAN_NONE)
        return;
    for (size_t i = 0; i < plan->socket_count; i++)
        listener_socket_leave(&plan->sockets[i].socket);
    free(plan->sockets);
    services_abandon(plan->work, old);
    shares_free(plan->shares);
    if (plan->services != NULL)
        services_old_add(old, plan->services, plan->config->service_count);
    config_load_abandon(plan->loading);
    config_unref(plan->config);
    close_bundle(plan);
    strings_clear(&plan->drained);
    error_clear(&plan->error);
    *plan = (struct worker_generation){ .bundle_fd = -1 };
}

void
worker_generation_begin(struct worker_generation *plan, uint64_t generation,
    int bundle_fd, struct services_old *old)
{
    worker_generation_clear(plan, old);
    plan->state = PLAN_TOLD;
    plan->generation = generation;
    plan->bundle_fd = bundle_fd;
}

void
worker_generation_add(
    struct worker_generation *plan, const struct planned_socket *socket)
{
    struct planned_socket *sockets = plan->state == PLAN_TOLD
        ? reallocarray(
              plan->sockets, plan->socket_count + 1, sizeof(*sockets))
        : NULL;

    if (sockets != NULL) {
        plan->sockets = sockets;
        sockets[plan->socket_count++] = *socket;
        return;
    }
    listener_socket_leave(&(struct listener_socket){ .fd = socket->socket.fd,
        .text = socket->socket.text, .path = socket->socket.path });
    close_bundle(plan);
}

static bool
is_in_order(const struct worker_generation *plan)
{
    for (size_t i = 0; i < plan->socket_count; i++) {
        const struct socket_use *use = &plan->sockets[i].use;

        if (plan->sockets[i].serve &&
            (use->service >= plan->config->service_count ||
                use->endpoint >=
                    plan->config->services[use->service].listen.count))
            return false;
    }
    return true;
}

static bool
read_bundle(struct worker_generation *plan)
{
    plan->loading = config_load_begin(plan->bundle_fd, -1, &plan->error);
    return plan->loading != NULL;
}

static bool
finish_worker_config(struct worker_generation *plan)
{
    plan->config = config_load_finish(plan->loading);
    plan->loading = NULL;
    if (plan->config == NULL)
        return false;
    if (is_in_order(plan))
        return true;
    error_add(&plan->error, "a listening socket is of no service");
    return false;
}

static bool
begin_worker_services(struct worker_generation *plan,
    const struct plan_basis *basis)
{
    const struct services_spec spec = {
        .config = plan->config,
        .previous = basis->relay->services,
        .previous_count = basis->relay->service_count,
        .board = basis->relay->board,
        .tickets = basis->tickets,
        .signer = basis->signer,
        .shared = basis->relay->shared,
    };

    plan->work = services_begin(&spec, &plan->error);
    return plan->work != NULL;
}

static bool
finish_services(struct worker_generation *plan)
{
    plan->services = services_finish(plan->work);
    plan->work = NULL;
    if (plan->services == NULL)
        return false;
    plan->shares = shares_new(plan->config, plan->services);
    if (plan->shares == NULL) {
        error_no_memory(&plan->error);
        return false;
    }
    plan->state = PLAN_PREPARED;
    return true;
}

bool
worker_generation_step(struct worker_generation *plan,
    const struct plan_basis *basis)
{
    if (plan->config == NULL && plan->loading == NULL)
        return read_bundle(plan);
    if (plan->config == NULL)
        return config_load_step(plan->loading) || finish_worker_config(plan);
    if (plan->work == NULL)
        return begin_worker_services(plan, basis);
    return services_step(plan->work) || finish_services(plan);
}

void
worker_generation_drain(struct worker_generation *plan, const char *service)
{
    if (plan->state != PLAN_NONE &&
        !strings_add(&plan->drained, service, strlen(service)))
        log_error(service, "it is drained, but not for the configuration that "
            "is being loaded: out of memory");
}

static bool
is_drained(const struct worker_generation *plan, const char *service)
{
    for (size_t i = 0; i < plan->drained.count; i++)
        if (strcmp(plan->drained.items[i], service) == 0)
            return true;
    return false;
}

static struct share *
share_of(const struct worker_generation *plan,
    const struct planned_socket *planned)
{
    return shares_find(
        plan->shares, planned->use.service, planned->use.endpoint);
}

/* All that share its address are drained, or the one that has it. */
static bool
is_given_up(const struct worker_generation *plan,
    const struct planned_socket *planned)
{
    struct share *share = share_of(plan, planned);
    bool all = false;

    if (share == NULL)
        return is_drained(plan,
            plan->services[planned->use.service]->config->name);
    for (size_t i = 0; i < plan->drained.count; i++)
        all = share_drain(share, plan->drained.items[i]);
    return all;
}

static void
give_up_drained(struct worker_generation *plan)
{
    for (size_t i = 0; plan->drained.count > 0 && i < plan->socket_count; i++) {
        struct planned_socket *planned = &plan->sockets[i];

        planned->serve = planned->serve && !is_given_up(plan, planned);
    }
}

static int
compare_sockets(const void *a, const void *b)
{
    const struct planned_socket *one = a, *other = b;

    return one->id < other->id ? -1 : one->id > other->id;
}

static struct planned_socket *
find_planned(const struct worker_generation *plan, uint64_t id)
{
    const struct planned_socket wanted = { .id = id };

    return plan->socket_count > 0
        ? bsearch(&wanted, plan->sockets, plan->socket_count, sizeof(wanted),
              compare_sockets)
        : NULL;
}

/* There may be thousands of either. */
static void
match_acceptors(struct worker_generation *plan, const struct relay *relay)
{
    struct planned_socket *planned;
    struct acceptor *acceptor;

    if (plan->socket_count > 0)
        qsort(plan->sockets, plan->socket_count, sizeof(*plan->sockets),
            compare_sockets);
    LIST_FOREACH(acceptor, &relay->acceptors, entry) {
        planned = find_planned(plan, acceptor_id(acceptor));
        if (planned != NULL)
            planned->acceptor = acceptor;
    }
}

/* Where services share an address, that is not decided before a client is there. */
static bool
is_tls_of(const struct shares *shares, const struct planned_socket *planned)
{
    return planned->use.tls &&
        shares_find(shares, planned->use.service, planned->use.endpoint) ==
        NULL;
}

/* An acceptor that is not in the plan has gone over to another worker, which
 * accepts the clients in its queue; one that is given up is emptied here. */
static void
close_acceptors(const struct worker_generation *plan, struct relay *relay)
{
    struct acceptor *acceptor = LIST_FIRST(&relay->acceptors), *next;

    for (; acceptor != NULL; acceptor = next) {
        struct planned_socket *planned =
            find_planned(plan, acceptor_id(acceptor));

        next = LIST_NEXT(acceptor, entry);
        if (planned != NULL && planned->serve &&
            is_tls_of(plan->shares, planned) == acceptor_is_tls(acceptor))
            continue;
        acceptor_close(acceptor, planned != NULL && !planned->serve);
        if (planned != NULL)
            planned->acceptor = NULL;
    }
}

/* `share` NULL: all clients are the service's. */
static void
open_acceptor(struct relay *relay, struct planned_socket *planned,
    struct service *service, struct share *share)
{
    struct listener_socket *socket = &planned->socket;
    struct acceptor *acceptor = acceptor_open(relay, planned->id, socket->fd,
        socket->text, planned->use.tls && share == NULL, service);

    if (acceptor == NULL) {
        log_error(NULL, "cannot accept on %s: out of memory", socket->text);
        return;
    }
    socket->fd = -1;
    acceptor_divide(acceptor, share);
}

static void
replace_planned(struct planned_socket *planned, int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    if (copy < 0) {
        log_error(NULL, "cannot accept on %s: %m", planned->socket.text);
        return;
    }
    close(planned->socket.fd);
    planned->socket.fd = copy;
}

/* The service is what the acceptor has now, whatever the master knew. */
static void
replace_acceptor(struct relay *relay, struct acceptor *acceptor,
    struct planned_socket *socket)
{
    struct service *service = service_ref(acceptor_service(acceptor));
    struct share *share =
        acceptor->share != NULL ? share_ref(acceptor->share) : NULL;

    socket->use.tls = acceptor_is_tls(acceptor);
    acceptor_close(acceptor, false);
    open_acceptor(relay, socket, service, share);
    service_unref(service);
    share_unref(share);
}

void
worker_generation_rebind(struct worker_generation *plan, struct relay *relay,
    struct planned_socket *socket)
{
    struct acceptor *acceptor = acceptor_find(relay, socket->id);

    for (size_t i = 0; i < plan->socket_count; i++)
        if (plan->sockets[i].id == socket->id)
            replace_planned(&plan->sockets[i], socket->socket.fd);
    if (acceptor != NULL)
        replace_acceptor(relay, acceptor, socket);
    listener_socket_leave(&socket->socket);
}

/* Closes without emptying: the socket's own worker has it again. */
void
worker_generation_cover(struct relay *relay, struct planned_socket *socket)
{
    struct acceptor *acceptor = acceptor_find(relay, socket->id);

    if (!socket->serve && acceptor != NULL)
        acceptor_close(acceptor, false);
    else if (socket->serve && acceptor == NULL && !relay->draining &&
        socket->use.service < relay->service_count)
        open_acceptor(relay, socket, relay->services[socket->use.service],
            shares_find(
                relay->shares, socket->use.service, socket->use.endpoint));
    listener_socket_leave(&socket->socket);
}

/* An acceptor whose socket is dead has it replaced by the one that came. */
static void
open_acceptors(struct worker_generation *plan, struct relay *relay)
{
    for (size_t i = 0; i < plan->socket_count; i++) {
        struct planned_socket *planned = &plan->sockets[i];
        struct acceptor *acceptor = planned->acceptor;
        struct service *service;

        if (!planned->serve)
            continue;
        service = plan->services[planned->use.service];
        if (acceptor != NULL && !acceptor_is_dead(acceptor)) {
            acceptor_serve(acceptor, service);
            acceptor_divide(acceptor, share_of(plan, planned));
            continue;
        }
        if (acceptor != NULL)
            acceptor_close(acceptor, false);
        open_acceptor(relay, planned, service, share_of(plan, planned));
    }
}

void
worker_generation_commit(struct worker_generation *plan, struct relay *relay,
    struct services_old *old)
{
    const struct global_config *global = &plan->config->global;

    give_up_drained(plan);
    match_acceptors(plan, relay);
    close_acceptors(plan, relay);
    services_old_add(old, relay->services, relay->service_count);
    relay->services = plan->services;
    relay->service_count = plan->config->service_count;
    relay->changes++;
    relay->max_connections = global->max_connections;
    relay->workers = config_workers(plan->config);
    relay->drain_timeout_ms = global->drain_timeout_ms;
    open_acceptors(plan, relay);
    shares_free(relay->shares);
    relay->shares = plan->shares;
    plan->shares = NULL;
    plan->services = NULL;
    scoreboard_set_accepting(relay->board, relay->slot, plan->generation);
    limits_recheck(relay);
    worker_generation_clear(plan, old);
}
