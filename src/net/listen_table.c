#include "net/listen_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/error.h"
#include "base/log.h"
#include "config/config.h"
#include "config/config_share.h"
#include "net/names_check.h"

/* What binding one endpoint needs to know. */
struct binding {
    struct listen_table *sockets;
    const struct listen_table_facts *facts;
    struct socket_use use;
};

bool
listen_socket_is_passed(const struct listen_socket *held)
{
    return strncmp(held->socket.text, LISTENER_PASSED,
               strlen(LISTENER_PASSED)) == 0;
}

bool
listen_socket_is_shared(const struct listen_socket *held)
{
    return strncmp(held->socket.text, "unix:", 5) == 0 ||
        listen_socket_is_passed(held);
}

/* "192.0.2.1:80" or "[::]:80", as address_format() writes them.  False: it has
 * no such address. */
static bool
find_inet_address(const struct listen_socket *held, struct address *address)
{
    char text[ADDRESS_TEXT_SIZE], *host = text, *colon;

    if (listen_socket_is_shared(held))
        return false;
    snprintf(text, sizeof(text), "%s", held->socket.text);
    colon = strrchr(text, ':');
    if (*host == '[') {
        host++;
        colon[-1] = '\0';
    }
    *colon = '\0';
    return address_from_numeric(
        address, host, (unsigned)strtoul(colon + 1, NULL, 10));
}

/* Removes all that `is_over` says, keeping the order of the others, and what is
 * lent: it could not be had again.  False: none was. */
static bool
sweep_listen_sockets(struct listen_table *sockets,
    bool (*is_over)(const struct listen_socket *, const void *),
    const void *arg)
{
    size_t kept = 0, before = sockets->count;

    for (size_t i = 0; i < before; i++) {
        struct listen_socket *held = &sockets->items[i];

        if (is_over(held, arg) && !listen_socket_is_passed(held)) {
            if (sockets->given_up != NULL)
                sockets->given_up(sockets->arg, held);
            listener_socket_close(&held->socket);
        } else {
            sockets->items[kept++] = *held;
        }
    }
    sockets->count = kept;
    return kept < before;
}

void
listen_table_free(struct listen_table *sockets, bool leave)
{
    for (size_t i = 0; i < sockets->count; i++) {
        if (leave || sockets->items[i].stored)
            listener_socket_leave(&sockets->items[i].socket);
        else
            listener_socket_close(&sockets->items[i].socket);
    }
    free(sockets->items);
    *sockets = (struct listen_table){
        .last_address_id = sockets->last_address_id,
        .given_up = sockets->given_up,
        .arg = sockets->arg,
    };
}

struct listen_socket *
listen_table_find(const struct listen_table *sockets, const char *text,
    unsigned index)
{
    for (size_t i = 0; i < sockets->count; i++) {
        struct listen_socket *held = &sockets->items[i];

        if (held->socket.index == index &&
            strcmp(held->socket.text, text) == 0)
            return held;
    }
    return NULL;
}

static uint64_t
address_id(struct listen_table *sockets, const char *text)
{
    for (size_t i = 0; i < sockets->count; i++)
        if (strcmp(sockets->items[i].socket.text, text) == 0)
            return socket_address_id(sockets->items[i].id);
    return ++sockets->last_address_id;
}

struct listen_socket *
listen_table_add(struct listen_table *sockets,
    const struct listener_socket *socket)
{
    struct listen_socket *items = reallocarray(
        sockets->items, sockets->count + 1, sizeof(*items));

    if (items == NULL)
        return NULL;
    sockets->items = items;
    items += sockets->count;
    *items = (struct listen_socket){
        .id = address_id(sockets, socket->text) << SOCKET_INDEX_BITS |
            socket->index,
        .socket = *socket,
    };
    sockets->count++;
    return items;
}

/* All of an address's sockets go with it, those of workers that are no more
 * too: to close one would reset what the kernel has queued on it. */
static bool
claim_address(void *arg, const char *text)
{
    const struct binding *binding = arg;
    struct listen_table *sockets = binding->sockets;

    for (size_t i = 0; i < sockets->count; i++) {
        struct listen_socket *held = &sockets->items[i];

        if (strcmp(held->socket.text, text) != 0)
            continue;
        if (held->wanted)
            return false;
        held->wanted = true;
        held->next = binding->use;
    }
    return true;
}

static bool
has_listen_socket(void *arg, const char *text, unsigned index)
{
    const struct binding *binding = arg;

    return listen_table_find(binding->sockets, text, index) != NULL;
}

/* What the service manager has kept, and is not in force yet, is there too. */
static bool
overlaps_listen_socket(void *arg, const struct address *address)
{
    const struct binding *binding = arg;
    const struct listen_table *sockets = binding->sockets;

    for (size_t i = 0; i < sockets->count; i++) {
        struct address at;

        if (find_inet_address(&sockets->items[i], &at) &&
            at.storage.ss_family == address->storage.ss_family &&
            address_port(&at) == address_port(address) &&
            (address_is_any(&at) || address_is_any(address)))
            return true;
    }
    return false;
}

static bool
add_bound_socket(void *arg, const struct listener_socket *socket)
{
    const struct binding *binding = arg;
    struct listen_socket *held = listen_table_add(binding->sockets, socket);

    if (held == NULL)
        return false;
    held->wanted = true;
    held->next = binding->use;
    return true;
}

static size_t
find_listen_addresses(void *arg, const char *host, struct address *addresses,
    size_t room, const char **why)
{
    const struct binding *binding = arg;

    return names_check_find(
        binding->facts->names, host, addresses, room, why);
}

static bool
bind_service(struct listen_table *sockets, const struct config *config,
    uint32_t index, const struct listen_table_facts *facts, struct error *error)
{
    const struct service_config *service = &config->services[index];
    bool ok = true;

    for (size_t i = 0; i < service->listen.count; i++) {
        const struct endpoint *endpoint = &service->listen.items[i];
        bool is_home = config_share_is_home(config, index, (uint32_t)i);
        struct binding binding = {
            .sockets = sockets,
            .facts = facts,
            .use = { .service = index,
                .endpoint = (uint32_t)i,
                .tls = endpoint->tls },
        };
        const struct listener_binder binder = {
            .count = facts->count,
            .claim = claim_address,
            .have = has_listen_socket,
            .overlaps = overlaps_listen_socket,
            .bound = add_bound_socket,
            .resolve = find_listen_addresses,
            .arg = &binding,
        };

        if (is_home)
            ok &= listener_bind(service->name, endpoint, &service->listen_leg,
                &binder, error);
    }
    return ok;
}

static bool
bind_services(struct listen_table *sockets, const struct config *config,
    const struct listen_table_facts *facts, struct error *error)
{
    bool ok = true;

    for (uint32_t i = 0; i < config->service_count; i++)
        ok &= bind_service(sockets, config, i, facts, error);
    return ok;
}

bool
listen_table_bind(struct listen_table *sockets, const struct config *config,
    const struct listen_table_facts *facts, struct error *error)
{
    if (!bind_services(sockets, config, facts, error))
        return false;
    if (sockets->count <= SOCKETS_MAX)
        return true;
    error_add(error, "there are %zu listening sockets, one for each address "
        "and worker; at most %d can be handled: name fewer addresses, or set "
        "[global] workers lower", sockets->count, SOCKETS_MAX);
    return false;
}

void
listen_table_refresh(struct listen_table *sockets, const struct config *config)
{
    struct error error = { 0 };

    for (size_t i = 0; i < sockets->count; i++) {
        const struct listen_socket *held = &sockets->items[i];
        const struct service_config *service;

        if (!held->serves)
            continue;
        service = &config->services[held->now.service];
        listener_refresh(&held->socket, &service->listen_leg, &error);
        for (size_t j = 0; j < error.count; j++)
            log_error(service->name, "%s", error.messages[j]);
        error_clear(&error);
    }
}

static bool
is_unwanted(const struct listen_socket *held, const void *arg)
{
    (void)arg;
    return !held->wanted;
}

void
listen_table_commit(struct listen_table *sockets)
{
    sweep_listen_sockets(sockets, is_unwanted, NULL);
    for (size_t i = 0; i < sockets->count; i++) {
        struct listen_socket *held = &sockets->items[i];

        if (!held->wanted)
            held->noted = false;
        else
            held->now = held->next;
        held->serves = held->wanted;
        held->wanted = false;
    }
}

static bool
is_not_in_force(const struct listen_socket *held, const void *arg)
{
    (void)arg;
    return !held->serves;
}

void
listen_table_rollback(struct listen_table *sockets)
{
    sweep_listen_sockets(sockets, is_not_in_force, NULL);
    for (size_t i = 0; i < sockets->count; i++)
        sockets->items[i].wanted = false;
}

/* Passed sockets stay open, but serve no more. */
static bool
rest_lent(struct listen_table *sockets,
    bool (*is_over)(const struct listen_socket *, const void *),
    const void *arg)
{
    bool any = false;

    for (size_t i = 0; i < sockets->count; i++) {
        struct listen_socket *held = &sockets->items[i];

        if (!held->serves || !listen_socket_is_passed(held) ||
            !is_over(held, arg))
            continue;
        held->serves = held->noted = false;
        any = true;
    }
    return any;
}

bool
listen_table_close_those(struct listen_table *sockets,
    bool (*is_over)(const struct listen_socket *held, const void *arg),
    const void *arg)
{
    bool any = rest_lent(sockets, is_over, arg);

    return sweep_listen_sockets(sockets, is_over, arg) || any;
}
