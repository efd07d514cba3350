#include "sandbox/sandbox_reach.h"

#include <string.h>

#include "config/config.h"

static void
add_endpoint(struct sandbox_reach *reach, const struct endpoint *server)
{
    if (server->kind == ENDPOINT_INET) {
        reach->ports[server->port / 8] |= (uint8_t)(1U << server->port % 8);
        reach->zones |= strchr(server->host, '%') != NULL;
    } else if (server->kind == ENDPOINT_UNIX) {
        reach->unix_sockets = true;
        reach->abstract_sockets |= server->path[0] == '@';
    }
}

void
sandbox_reach_add(struct sandbox_reach *reach, const struct config *config)
{
    for (size_t i = 0; i < config->service_count; i++) {
        const struct endpoints *connect = &config->services[i].connect;

        for (size_t j = 0; j < connect->count; j++)
            add_endpoint(reach, &connect->items[j]);
    }
}

void
sandbox_reach_of(const struct config *config, struct sandbox_reach *reach)
{
    *reach = (struct sandbox_reach){ .unix_sockets = false };
    sandbox_reach_add(reach, config);
}

static void
add_listener(struct sandbox_reach *reach, const struct endpoint *listen)
{
    if (listen->kind == ENDPOINT_INET && listen->host != NULL) {
        reach->zones |= strchr(listen->host, '%') != NULL;
    } else if (listen->kind == ENDPOINT_UNIX) {
        reach->unix_sockets = true;
        reach->listens_at_paths |= listen->path[0] != '@';
    }
}

void
sandbox_reach_of_trial(
    const struct config *config, struct sandbox_reach *reach)
{
    struct sandbox_reach servers;

    sandbox_reach_of(config, &servers);
    *reach = (struct sandbox_reach){
        .listens = config,
        .zones = servers.zones, /* whether an address is one is looked at */
    };
    for (size_t i = 0; i < config->service_count; i++) {
        const struct service_config *service = &config->services[i];

        for (size_t j = 0; j < service->listen.count; j++)
            add_listener(reach, &service->listen.items[j]);
    }
}

void
sandbox_reach_anywhere(struct sandbox_reach *reach)
{
    *reach = (struct sandbox_reach){
        .anywhere = true,
        .unix_sockets = true,
        .abstract_sockets = true,
        .zones = true,
    };
}

bool
sandbox_reach_has_ports(const struct sandbox_reach *reach)
{
    static const struct sandbox_reach none;

    return reach->anywhere ||
        memcmp(reach->ports, none.ports, sizeof(none.ports)) != 0;
}
