#include "config/config_ring.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "base/error.h"
#include "config/config.h"
#include "config/config_endpoint.h"
#include "config/config_fault.h"
#include "files/files.h"

enum { TITLE_SIZE = 64 };

/* A connect endpoint of one service that is a listen endpoint of another one, or of
 * the same. */
struct config_link {
    size_t from, to; /* services */
    const struct endpoint *endpoint;
};

/* How a listen endpoint takes a connection. */
enum meeting {
    MEETS_NOT,
    MEETS_AMONG_ALL,    /* as it listens on any address: the kernel prefers one
                         * that listens on the very address */
    MEETS,
};

/* False: a name, or a number that only this machine's interfaces make sense of. */
static bool
parse_numeric_endpoint(struct address *address, const struct endpoint *endpoint)
{
    if (endpoint->host == NULL || strchr(endpoint->host, '%') != NULL ||
        !address_from_numeric(address, endpoint->host, endpoint->port))
        return false;
    address_unmap(address);
    return true;
}

/* RFC 6761 6.3. */
static bool
is_localhost(const char *host)
{
    static const char word[] = "localhost";
    size_t length = strlen(host), tail = strlen(word);

    return length >= tail && strcmp(host + length - tail, word) == 0 &&
        (length == tail || host[length - tail - 1] == '.');
}

static bool
is_first_loopback(const struct address *address)
{
    static const char *const hosts[] = { "127.0.0.1", "::1" };

    for (size_t i = 0; i < COUNT(hosts); i++) {
        struct address loopback;

        if (address_from_numeric(
                &loopback, hosts[i], address_port(address)) &&
            address_same(&loopback, address))
            return true;
    }
    return false;
}

/* Whether a name that stands for 127.0.0.1 and ::1 meets a number. */
static bool
localhost_meets(const struct address *address)
{
    return address_is_any(address) || is_first_loopback(address);
}

static enum meeting
meets_if(bool does, enum meeting how)
{
    return does ? how : MEETS_NOT;
}

/* `to` is a number, and so is `at`. */
static enum meeting
numbers_meet(struct files *files, const struct endpoint *endpoint,
    const struct address *to, const struct address *at)
{
    if (to->storage.ss_family != at->storage.ss_family)
        return MEETS_NOT;
    if (address_is_any(at))
        return meets_if(address_is_loopback(to) ||
            files_owns_address(files, endpoint->host), MEETS_AMONG_ALL);
    if (address_is_any(to)) /* connect(2) takes it for loopback */
        return meets_if(is_first_loopback(at), MEETS);
    return meets_if(address_same(to, at), MEETS);
}

/* A name is looked for at each of its addresses, so that none of those that listen
 * there takes it alone. */
static enum meeting
hosts_meet(struct files *files, const struct endpoint *connect,
    const struct endpoint *listen)
{
    struct address to, at;
    bool to_number = parse_numeric_endpoint(&to, connect);
    bool at_number = parse_numeric_endpoint(&at, listen);

    if (to_number && at_number)
        return numbers_meet(files, connect, &to, &at);
    if (listen->host == NULL)
        return to_number ? meets_if(address_is_loopback(&to) ||
                files_owns_address(files, connect->host), MEETS_AMONG_ALL)
                         : meets_if(is_localhost(connect->host), MEETS);
    if (to_number)
        return meets_if(
            is_localhost(listen->host) && localhost_meets(&to), MEETS);
    if (strcmp(connect->host, listen->host) == 0)
        return MEETS;
    return meets_if(at_number && is_localhost(connect->host) &&
        localhost_meets(&at), MEETS);
}

static enum meeting
endpoints_meet(struct files *files, const struct endpoint *connect,
    const struct endpoint *listen)
{
    if (connect->kind != listen->kind)
        return MEETS_NOT;
    if (connect->kind != ENDPOINT_INET)
        return meets_if(config_endpoint_same(connect, listen), MEETS);
    return connect->port == listen->port ? hosts_meet(files, connect, listen)
                                         : MEETS_NOT;
}

static void
add_link(struct config_ring *ring, struct config_link link)
{
    if (ring->count == ring->room) {
        size_t room = ring->room > 0 ? 2 * ring->room : 16;
        struct config_link *grown =
            reallocarray(ring->links, room, sizeof(*grown));

        if (grown == NULL) {
            ring->failed = true;
            return;
        }
        ring->links = grown;
        ring->room = room;
    }
    ring->links[ring->count++] = link;
}

static enum meeting
service_meets(struct files *files, const struct service_config *service,
    const struct endpoint *connect)
{
    enum meeting best = MEETS_NOT;

    for (size_t i = 0; i < service->listen.count && best != MEETS; i++) {
        enum meeting how =
            endpoints_meet(files, connect, &service->listen.items[i]);

        best = how > best ? how : best;
    }
    return best;
}

/* To all services that may take the connection, but those that listen on any
 * address where another one has the very address. */
static void
find_links_of(
    struct config_ring *ring, size_t from, const struct endpoint *connect)
{
    const struct config *config = ring->config;
    enum meeting best = MEETS_AMONG_ALL;
    size_t before = ring->count;

    for (size_t to = 0; to < config->service_count; to++) {
        enum meeting how = service_meets(
            config->files, &config->services[to], connect);

        if (how < best)
            continue;
        if (how > best)
            ring->count = before;
        best = how;
        add_link(ring, (struct config_link){ from, to, connect });
    }
}

static void
find_links(struct config_ring *ring, size_t from)
{
    const struct endpoints *connect = &ring->config->services[from].connect;

    for (size_t i = 0; i < connect->count; i++)
        find_links_of(ring, from, &connect->items[i]);
}

bool
config_ring_step(struct config_ring *ring)
{
    if (ring->looked_at == ring->config->service_count)
        return false;
    find_links(ring, ring->looked_at++);
    return true;
}

/* Takes away the links to services that lead nowhere, and those of services that no
 * link leads to.  True: there were some. */
static bool
drop_loose_ends(
    struct config_ring *ring, bool *leads, bool *reached, size_t services)
{
    size_t kept = 0, had = ring->count;

    memset(leads, false, services);
    memset(reached, false, services);
    for (size_t i = 0; i < had; i++) {
        leads[ring->links[i].from] = true;
        reached[ring->links[i].to] = true;
    }
    for (size_t i = 0; i < had; i++)
        if (leads[ring->links[i].to] && reached[ring->links[i].from])
            ring->links[kept++] = ring->links[i];
    ring->count = kept;
    return kept < had;
}

/* What has neither a beginning nor an end is a ring. */
static void
keep_rings(struct config_ring *ring, size_t services)
{
    bool *marks = calloc(services + 1, 2 * sizeof(*marks));

    ring->failed |= marks == NULL;
    while (marks != NULL &&
        drop_loose_ends(ring, marks, marks + services, services))
        ;
    free(marks);
}

static int
compare_links(const void *a, const void *b)
{
    const struct config_link *left = a, *right = b;

    if (left->from != right->from)
        return left->from < right->from ? -1 : 1;
    return left->endpoint < right->endpoint ? -1
                                            : left->endpoint > right->endpoint;
}

static void
report_ring(const struct config *config, const struct config_link *link,
    struct error *error)
{
    const char *to = config->services[link->to].name;
    char title[TITLE_SIZE];

    snprintf(title, sizeof(title), "service %s",
        config->services[link->from].name);
    if (link->from == link->to)
        config_fault_add(error, &link->endpoint->origin, title, "connect",
            "\"%s\" is where this service listens: it would connect to itself",
            link->endpoint->text);
    else
        config_fault_add(error, &link->endpoint->origin, title, "connect",
            "\"%s\" is where service %s listens, which leads back here: a "
            "connection would go round without end",
            link->endpoint->text, to);
}

void
config_ring_judge(struct config_ring *ring, struct error *error)
{
    keep_rings(ring, ring->config->service_count);
    if (ring->failed) {
        error_no_memory(error);
        return;
    }
    if (ring->count > 0)
        qsort(ring->links, ring->count, sizeof(*ring->links), compare_links);
    for (size_t i = 0; i < ring->count; i++)
        report_ring(ring->config, &ring->links[i], error);
}

void
config_ring_clear(struct config_ring *ring)
{
    free(ring->links);
    *ring = (struct config_ring){ .config = NULL };
}
