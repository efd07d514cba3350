#include "config/config_overlap.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "config/config.h"
#include "config/config_endpoint.h"
#include "config/config_fault.h"
#include "config/config_share.h"

enum { TITLE_SIZE = 64, MORE_SIZE = 160 };

struct place {
    const struct endpoint *endpoint;
    const struct service_config *service;
    size_t order; /* of writing: the later one is at fault */
};

static const struct family {
    const char *any;    /* the host of all its addresses */
    const char *rest;   /* what else `*` is */
} families[] = {
    { "0.0.0.0", "[::]" },
    { "::", "0.0.0.0" },
};

static int
compare_places(const void *a, const void *b)
{
    const struct place *left = a, *right = b;
    int order = config_endpoint_compare(left->endpoint, right->endpoint);

    if (order != 0)
        return order;
    return left->order < right->order ? -1 : left->order > right->order;
}

static struct place *
gather_places(const struct config *config, size_t *count)
{
    struct place *places;
    size_t total = 0;

    for (size_t i = 0; i < config->service_count; i++)
        total += config->services[i].listen.count;
    places = calloc(total + 1, sizeof(*places));
    *count = 0;
    for (size_t i = 0; places != NULL && i < config->service_count; i++) {
        const struct service_config *service = &config->services[i];

        for (size_t j = 0; j < service->listen.count; j++, ++*count)
            places[*count] = (struct place){
                &service->listen.items[j],
                service,
                *count,
            };
    }
    return places;
}

/* `more` is what else there is to know of it. */
static void
report_overlap(const struct place *a, const struct place *b,
    const char *more, struct error *error)
{
    const struct place *first = a->order < b->order ? a : b;
    const struct place *second = a->order < b->order ? b : a;
    const struct origin *origin = &first->endpoint->origin;
    char title[TITLE_SIZE];

    snprintf(title, sizeof(title), "service %s", second->service->name);
    config_fault_add(error, &second->endpoint->origin, title, "listen",
        "\"%s\" is taken by service %s (%s:%u); only one can listen there%s",
        second->endpoint->text, first->service->name, origin->file,
        origin->line, more);
}

/* One place, of which `places` are all. */
static void
share_place(struct config *config, const struct place *places, size_t count,
    struct error *error)
{
    struct listen_member *members = calloc(count, sizeof(*members));

    for (size_t i = 0; members != NULL && i < count; i++) {
        const struct service_config *service = places[i].service;

        members[i] = (struct listen_member){
            .service = (uint32_t)(service - config->services),
            .endpoint = (uint32_t)(places[i].endpoint - service->listen.items),
        };
    }
    if (members != NULL)
        config_share_add(config, members, count, error);
    else
        error_no_memory(error);
    free(members);
}

static void
share_places(struct config *config, const struct place *places, size_t count,
    struct error *error)
{
    for (size_t i = 0, end; i < count; i = end) {
        end = i + 1;
        while (end < count &&
            config_endpoint_same(places[i].endpoint, places[end].endpoint))
            end++;
        share_place(config, &places[i], end - i, error);
    }
}

/* `star` is `*`, and `other` all addresses of one family. */
static void
report_wildcards(const struct place *star, const struct place *other,
    const struct family *family, struct error *error)
{
    unsigned port = star->endpoint->port;
    char more[MORE_SIZE];

    snprintf(more, sizeof(more), ": *:%u is 0.0.0.0:%u and [::]:%u, so write "
        "%s:%u in its place, or remove the other", port, port, port,
        family->rest, port);
    report_overlap(star, other, more, error);
}

/* A single address is apart from all addresses of its family: the kernel has
 * clients of it served by the socket that is bound to it.  `places` are all of
 * one port, and begin with `*` if it is among them. */
static void
check_port(const struct family *family, const struct place *places,
    size_t count, struct error *error)
{
    if (places[0].endpoint->host != NULL)
        return;
    for (size_t i = 1; i < count; i++) {
        const char *host = places[i].endpoint->host;

        if (host == NULL || strcmp(host, family->any) != 0)
            continue;
        report_wildcards(&places[0], &places[i], family, error);
        return;
    }
}

static bool
has_host(const struct place *place, const char *host)
{
    return place->endpoint->host != NULL &&
        strcmp(place->endpoint->host, host) == 0;
}

/* The one name whose addresses are known without a lookup (RFC 6761 6.3).
 * `places` are all of one port. */
static void
check_localhost(const struct place *places, size_t count, struct error *error)
{
    static const char *const own[] = { "127.0.0.1", "::1" };
    const struct place *name = NULL;

    for (size_t i = 0; i < count && name == NULL; i++)
        if (has_host(&places[i], "localhost"))
            name = &places[i];
    for (size_t i = 0; i < count && name != NULL; i++)
        for (size_t j = 0; j < COUNT(own); j++)
            if (has_host(&places[i], own[j])) {
                report_overlap(name, &places[i], ": localhost is 127.0.0.1, and "
                    "::1 where there is IPv6; write the same in both, or "
                    "remove one", error);
                return;
            }
}

static bool
is_same_port(const struct place *a, const struct place *b)
{
    return b->endpoint->kind == ENDPOINT_INET &&
        a->endpoint->port == b->endpoint->port;
}

static void
check_ports(const struct place *places, size_t count, struct error *error)
{
    for (size_t i = 0, end; i < count; i = end) {
        end = i + 1;
        if (places[i].endpoint->kind != ENDPOINT_INET)
            continue;
        while (end < count && is_same_port(&places[i], &places[end]))
            end++;
        for (size_t j = 0; j < COUNT(families); j++)
            check_port(&families[j], &places[i], end - i, error);
        check_localhost(&places[i], end - i, error);
    }
}

void
config_overlap_check(struct config *config, struct error *error)
{
    size_t count;
    struct place *places = gather_places(config, &count);

    if (places == NULL) {
        error_no_memory(error);
        return;
    }
    qsort(places, count, sizeof(*places), compare_places);
    share_places(config, places, count, error);
    check_ports(places, count, error);
    free(places);
}
