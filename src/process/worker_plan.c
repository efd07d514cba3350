#include "process/worker_plan.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/board.h"
#include "base/error.h"
#include "base/log.h"
#include "config/config.h"
#include "config/config_load.h"
#include "relay/door.h"
#include "relay/limits.h"
#include "relay/relay.h"
#include "relay/service.h"

void
worker_plan_clear(struct worker_plan *plan)
{
    if (plan->generation == 0)
        return;
    for (size_t i = 0; i < plan->socket_count; i++)
        listener_socket_leave(&plan->sockets[i].socket);
    free(plan->sockets);
    if (plan->services != NULL)
        services_free(plan->services, plan->config->service_count);
    config_unref(plan->config);
    if (plan->bundle_fd >= 0)
        close(plan->bundle_fd);
    *plan = (struct worker_plan){ .bundle_fd = -1 };
}

void
worker_plan_begin(
    struct worker_plan *plan, uint64_t generation, int bundle_fd)
{
    worker_plan_clear(plan);
    plan->generation = generation;
    plan->bundle_fd = bundle_fd;
}

void
worker_plan_add(
    struct worker_plan *plan, const struct planned_socket *socket)
{
    struct planned_socket *sockets = reallocarray(
        plan->sockets, plan->socket_count + 1, sizeof(*sockets));

    if (sockets != NULL) {
        plan->sockets = sockets;
        sockets[plan->socket_count++] = *socket;
        return;
    }
    listener_socket_leave(&(struct listener_socket){ .fd = socket->socket.fd,
        .text = socket->socket.text, .path = socket->socket.path });
    close(plan->bundle_fd);
    plan->bundle_fd = -1;
}

static bool
is_in_order(const struct worker_plan *plan)
{
    for (size_t i = 0; i < plan->socket_count; i++)
        if (plan->sockets[i].serve &&
            plan->sockets[i].use.service >= plan->config->service_count)
            return false;
    return true;
}

bool
worker_plan_prepare(struct worker_plan *plan, const struct relay *relay,
    const struct tls_secret *secret, struct tls_signer *signer,
    struct error *error)
{
    struct services_spec spec = {
        .previous = relay->services,
        .previous_count = relay->service_count,
        .board = relay->board,
        .secret = secret,
        .signer = signer,
    };

    plan->config = config_load_bundle(plan->bundle_fd, -1, error);
    if (plan->config == NULL)
        return false;
    if (!is_in_order(plan)) {
        error_add(error, "a listening socket is of no service");
        return false;
    }
    spec.config = plan->config;
    plan->services = services_new(&spec, error);
    return plan->services != NULL;
}

void
worker_plan_drain(struct worker_plan *plan, const char *service)
{
    for (size_t i = 0; plan->services != NULL && i < plan->socket_count; i++) {
        struct planned_socket *planned = &plan->sockets[i];

        if (planned->serve && strcmp(service,
                plan->services[planned->use.service]->config->name) == 0)
            planned->serve = false;
    }
}

static const struct planned_socket *
find(const struct worker_plan *plan, uint64_t id)
{
    for (size_t i = 0; i < plan->socket_count; i++)
        if (plan->sockets[i].id == id)
            return &plan->sockets[i];
    return NULL;
}

/* A door that nobody has a plan for has gone over to another worker, who will
 * let in whom it holds; one that is given up is emptied here. */
static void
close_doors(const struct worker_plan *plan, struct relay *relay)
{
    struct door *next;

    for (struct door *door = relay->doors; door != NULL; door = next) {
        const struct planned_socket *planned = find(plan, door_id(door));

        next = door_next(door);
        if (planned == NULL || !planned->serve ||
            planned->use.tls != door_is_tls(door))
            door_close(door, planned != NULL && !planned->serve);
    }
}

static void
open_door(struct relay *relay, struct planned_socket *planned,
    struct service *service)
{
    struct listener_socket *socket = &planned->socket;

    if (door_open(relay, planned->id, socket->fd, socket->text,
            planned->use.tls, service) != NULL)
        socket->fd = -1;
    else
        log_error(NULL, "cannot accept on %s: out of memory", socket->text);
}

static void
open_doors(struct worker_plan *plan, struct relay *relay)
{
    for (size_t i = 0; i < plan->socket_count; i++) {
        struct planned_socket *planned = &plan->sockets[i];
        struct door *door = door_find(relay, planned->id);
        struct service *service;

        if (!planned->serve)
            continue;
        service = plan->services[planned->use.service];
        if (door != NULL)
            door_serve(door, service);
        else
            open_door(relay, planned, service);
    }
}

void
worker_plan_switch(struct worker_plan *plan, struct relay *relay)
{
    const struct global_config *global = &plan->config->global;
    struct service **before = relay->services;
    size_t before_count = relay->service_count;

    close_doors(plan, relay);
    relay->services = plan->services;
    relay->service_count = plan->config->service_count;
    relay->max_connections = global->max_connections;
    relay->drain_timeout_ms = global->drain_timeout_ms;
    open_doors(plan, relay);
    services_free(before, before_count);
    plan->services = NULL;
    board_set_accepting(relay->board, relay->slot, plan->generation);
    limits_recheck(relay);
    worker_plan_clear(plan);
}
