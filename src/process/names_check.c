#include "process/names_check.h"

#include <event2/event.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/address.h"
#include "base/log.h"
#include "config/config.h"
#include "config/config_fault.h"
#include "net/loop.h"
#include "net/resolver.h"

enum { PATIENCE_S = 5 };

struct check {
    struct loop *loop;
    struct error *error;
    size_t waiting;
    bool ok;
};

/* One name of one service. */
struct lookup {
    struct lookup *next;
    struct check *check;
    const struct service_config *service;
    const struct endpoint *endpoint;
    struct resolver_query *query;
};

static void
on_resolved(void *arg, enum resolver_result result,
    const struct address *addresses, size_t count)
{
    struct lookup *lookup = arg;
    struct check *check = lookup->check;
    const struct endpoint *endpoint = lookup->endpoint;
    char section[128];

    (void)addresses;
    (void)count;
    if (result == RESOLVER_UNKNOWN) {
        check->ok = false;
        snprintf(
            section, sizeof(section), "service %s", lookup->service->name);
        config_fault_add(check->error, &endpoint->origin, section, "connect",
            "%s: there is no host \"%s\"; correct the name, or make it known "
            "to the DNS or /etc/hosts",
            endpoint->text, endpoint->host);
    } else if (result == RESOLVER_FAILED) {
        log_warn(lookup->service->name,
            "\"%s\" cannot be resolved now; clients are refused until it can",
            endpoint->host);
    }
    if (--check->waiting == 0)
        loop_stop(check->loop);
}

static bool
is_name(const struct endpoint *endpoint)
{
    struct address address;

    return endpoint->kind == ENDPOINT_INET && endpoint->host != NULL &&
        !address_from_numeric(&address, endpoint->host, endpoint->port);
}

static struct lookup *
add_lookup(struct lookup *next, struct check *check,
    const struct service_config *service, const struct endpoint *endpoint)
{
    struct lookup *lookup = calloc(1, sizeof(*lookup));

    if (lookup == NULL)
        return next;
    *lookup = (struct lookup){
        .next = next,
        .check = check,
        .service = service,
        .endpoint = endpoint,
    };
    check->waiting++;
    return lookup;
}

static struct lookup *
list_lookups(struct check *check, const struct config *config)
{
    struct lookup *lookups = NULL;

    for (size_t i = 0; i < config->service_count; i++) {
        const struct service_config *service = &config->services[i];

        for (size_t j = 0; j < service->connect.count; j++)
            if (is_name(&service->connect.items[j]))
                lookups = add_lookup(
                    lookups, check, service, &service->connect.items[j]);
    }
    return lookups;
}

static void
on_timeout(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    loop_stop(arg);
}

bool
names_check(struct loop *loop, struct resolver *resolver,
    const struct config *config, struct error *error)
{
    static const struct timeval patience = { .tv_sec = PATIENCE_S };
    struct check check = { .loop = loop, .error = error, .ok = true };
    struct lookup *lookups = list_lookups(&check, config);
    struct event *timer = evtimer_new(loop->base, on_timeout, loop);

    for (struct lookup *each = lookups; each != NULL; each = each->next)
        resolver_start(
            resolver, each->endpoint->host, on_resolved, each, &each->query);
    if (check.waiting > 0 && timer != NULL) {
        event_add(timer, &patience);
        loop_run(loop);
    }
    while (lookups != NULL) {
        struct lookup *each = lookups;

        lookups = each->next;
        resolver_cancel(each->query);
        free(each);
    }
    if (timer != NULL)
        event_free(timer);
    return check.ok;
}
