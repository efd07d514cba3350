#include "net/names_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/log.h"
#include "config/config.h"
#include "config/config_fault.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "net/timer.h"

enum { PATIENCE_MS = 5000 };

/* One name, however often the configuration has it. */
struct lookup {
    struct names_check *check;
    const char *host;
    struct resolver_query *query;
    enum resolver_result result;
    struct address addresses[RESOLVER_ADDRESSES_MAX];
    size_t count;
};

struct names_check {
    struct loop *loop;
    size_t waiting;
    size_t count;
    struct lookup lookups[];
};

bool
names_check_is_name(const struct endpoint *endpoint)
{
    struct address address;

    return endpoint->kind == ENDPOINT_INET && endpoint->host != NULL &&
        !address_from_numeric(&address, endpoint->host, endpoint->port);
}

static void
on_lookup_resolved(void *arg, enum resolver_result result,
    const struct address *addresses, size_t count)
{
    struct lookup *lookup = arg;
    struct names_check *check = lookup->check;

    lookup->result = result;
    lookup->count = count;
    if (count > 0)
        memcpy(lookup->addresses, addresses, count * sizeof(*addresses));
    if (--check->waiting == 0)
        loop_stop(check->loop);
}

/* Of the endpoints at both ends of all services. */
static size_t
count_endpoints(const struct config *config)
{
    size_t count = 0;

    for (size_t i = 0; i < config->service_count; i++)
        count += config->services[i].listen.count +
            config->services[i].connect.count;
    return count;
}

static int
compare_lookups(const void *a, const void *b)
{
    return strcmp(((const struct lookup *)a)->host,
        ((const struct lookup *)b)->host);
}

static void
add_names(struct names_check *check, const struct endpoints *endpoints)
{
    for (size_t i = 0; i < endpoints->count; i++)
        if (names_check_is_name(&endpoints->items[i]))
            check->lookups[check->count++] = (struct lookup){
                .check = check,
                .host = endpoints->items[i].host,
                .result = RESOLVER_FAILED,
            };
}

/* In order, each once. */
static void
list_lookups(struct names_check *check, const struct config *config)
{
    size_t kept = 0;

    for (size_t i = 0; i < config->service_count; i++) {
        add_names(check, &config->services[i].listen);
        add_names(check, &config->services[i].connect);
    }
    qsort(check->lookups, check->count, sizeof(check->lookups[0]),
        compare_lookups);
    for (size_t i = 0; i < check->count; i++)
        if (kept == 0 ||
            strcmp(check->lookups[kept - 1].host, check->lookups[i].host) != 0)
            check->lookups[kept++] = check->lookups[i];
    check->count = kept;
}

static void
on_timeout(void *arg)
{
    loop_stop(arg);
}

static void
ask_all(struct names_check *check, struct resolver *resolver)
{
    struct timer timer;
    bool bounded =
        timer_open(&timer, check->loop->base, on_timeout, check->loop);

    check->waiting = check->count;
    for (size_t i = 0; i < check->count; i++)
        resolver_start(resolver, check->lookups[i].host, on_lookup_resolved,
            &check->lookups[i], &check->lookups[i].query);
    if (check->waiting > 0 && bounded) {
        timer_set(&timer, PATIENCE_MS);
        loop_run(check->loop);
    }
    for (size_t i = 0; i < check->count; i++)
        resolver_cancel(check->lookups[i].query);
    timer_close(&timer);
}

struct names_check *
names_check_new(struct loop *loop, struct resolver *resolver,
    const struct config *config)
{
    struct names_check *check = calloc(1, sizeof(*check) +
            count_endpoints(config) * sizeof(check->lookups[0]));

    if (check == NULL)
        return NULL;
    check->loop = loop;
    list_lookups(check, config);
    if (resolver != NULL)
        ask_all(check, resolver);
    return check;
}

void
names_check_free(struct names_check *check)
{
    free(check);
}

static const struct lookup *
find_lookup(const struct names_check *check, const char *host)
{
    const struct lookup key = { .host = host };

    return bsearch(&key, check->lookups, check->count,
        sizeof(check->lookups[0]), compare_lookups);
}

/* What it means for clients until then. */
static const char *
effect_on(const struct service_config *service)
{
    return service->connect.count > 1 ? "the service has its other servers"
                                      : "clients are refused";
}

/* False: it is a fault. */
static bool
judge_lookup(enum resolver_result result, const struct service_config *service,
    const struct endpoint *server, bool strict, struct error *error)
{
    char section[128];

    if (result == RESOLVER_FAILED) {
        log_warn(service->name, "\"%s\" cannot be resolved now; %s until it "
            "can", server->host, effect_on(service));
    } else if (result == RESOLVER_UNKNOWN && strict) {
        snprintf(section, sizeof(section), "service %s", service->name);
        config_fault_add(error, &server->origin, section, "connect",
            "%s: there is no host \"%s\"; correct the name, or make it known "
            "to the DNS or /etc/hosts", server->text, server->host);
        return false;
    } else if (result == RESOLVER_UNKNOWN) {
        log_warn(service->name, "there is no host \"%s\"; %s until the DNS or "
            "/etc/hosts knows it", server->host, effect_on(service));
    }
    return true;
}

bool
names_check_servers(const struct names_check *check,
    const struct config *config, struct error *error)
{
    bool ok = true;

    for (size_t i = 0; i < config->service_count; i++) {
        const struct service_config *service = &config->services[i];

        for (size_t j = 0; j < service->connect.count; j++) {
            const struct endpoint *server = &service->connect.items[j];
            const struct lookup *lookup = names_check_is_name(server)
                ? find_lookup(check, server->host)
                : NULL;

            if (lookup != NULL)
                ok &= judge_lookup(lookup->result, service, server,
                    config->global.strict_names, error);
        }
    }
    return ok;
}

size_t
names_check_find(const struct names_check *check, const char *host,
    struct address *addresses, size_t room, const char **why)
{
    const struct lookup *lookup = find_lookup(check, host);
    size_t count = lookup != NULL ? lookup->count : 0;

    *why = lookup != NULL && lookup->result == RESOLVER_UNKNOWN
        ? "neither /etc/hosts nor the DNS knows it"
        : "the DNS does not answer";
    if (count > room)
        count = room;
    if (count > 0)
        memcpy(addresses, lookup->addresses, count * sizeof(*addresses));
    return count;
}
