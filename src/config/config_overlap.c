#include "config/config_overlap.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "config/config.h"
#include "config/config_endpoint.h"
#include "config/config_fault.h"

enum { TITLE_SIZE = 64 };

struct place {
    const struct endpoint *endpoint;
    const struct service_config *service;
    size_t order; /* of writing: the later one is at fault */
};

static const struct family {
    int number;
    const char *any;
} families[] = {
    { AF_INET, "0.0.0.0" },
    { AF_INET6, "::" },
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

/* `how` stands between what the later one wrote and what the earlier one did. */
static void
report_overlap(const struct place *a, const struct place *b,
    const char *how, struct error *error)
{
    const struct place *first = a->order < b->order ? a : b;
    const struct place *second = a->order < b->order ? b : a;
    const struct origin *origin = &first->endpoint->origin;
    char title[TITLE_SIZE];

    snprintf(title, sizeof(title), "service %s", second->service->name);
    config_fault_add(error, &second->endpoint->origin, title, "listen",
        "\"%s\" %s by service %s (%s:%u); only one can listen there",
        second->endpoint->text, how, first->service->name, origin->file,
        origin->line);
}

static void
check_same(const struct place *places, size_t count, struct error *error)
{
    for (size_t i = 1; i < count; i++)
        if (config_endpoint_same(places[i - 1].endpoint, places[i].endpoint))
            report_overlap(&places[i - 1], &places[i], "is taken", error);
}

/* Names may have addresses of any family; only the resolver knows. */
static bool
is_in(const struct family *family, const struct endpoint *endpoint)
{
    struct in_addr number;

    if (endpoint->host == NULL)
        return true;
    if (family->number == AF_INET6)
        return strchr(endpoint->host, ':') != NULL;
    return inet_pton(AF_INET, endpoint->host, &number) == 1;
}

static bool
is_any_host(const struct family *family, const struct endpoint *endpoint)
{
    return endpoint->host == NULL || strcmp(endpoint->host, family->any) == 0;
}

/* The first place that has all of the family's addresses.  NULL: there is
 * none. */
static const struct place *
find_any(const struct family *family, const struct place *places, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (is_any_host(family, places[i].endpoint))
            return &places[i];
    return NULL;
}

/* `places` are all of one port. */
static void
check_port(const struct family *family, const struct place *places,
    size_t count, struct error *error)
{
    const struct place *any = find_any(family, places, count);

    for (size_t i = 0; any != NULL && i < count; i++)
        if (is_in(family, places[i].endpoint) &&
            !config_endpoint_same(any->endpoint, places[i].endpoint))
            report_overlap(any, &places[i],
                any->order < places[i].order
                    ? "is among the addresses taken"
                    : "takes in an address taken",
                error);
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
    }
}

void
config_overlap_check(const struct config *config, struct error *error)
{
    size_t count;
    struct place *places = gather_places(config, &count);

    if (places == NULL) {
        error_no_memory(error);
        return;
    }
    qsort(places, count, sizeof(*places), compare_places);
    check_same(places, count, error);
    check_ports(places, count, error);
    free(places);
}
