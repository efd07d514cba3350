#include "relay/acceptor_table.h"

#include <sys/socket.h>

#include <stddef.h>
#include <string.h>

#include "config/config.h"
#include "relay/relay.h"
#include "relay/service.h"
#include "relay/share.h"

static uint64_t
port_bit(const struct address *address)
{
    return UINT64_C(1) << address_port(address) % 64;
}

static void
keep_listen_address(struct relay *relay, struct acceptor *acceptor, int fd)
{
    acceptor->at.length = sizeof(acceptor->at.storage);
    if (getsockname(fd, (struct sockaddr *)&acceptor->at.storage,
            &acceptor->at.length) < 0)
        acceptor->at.length = 0;
    relay->acceptor_ports[address_port(&acceptor->at) / 64] |= port_bit(
        &acceptor->at);
}

void
acceptor_table_add(struct relay *relay, struct acceptor *acceptor, int fd)
{
    keep_listen_address(relay, acceptor, fd);
    LIST_INSERT_HEAD(&relay->acceptors, acceptor, entry);
}

void
acceptor_table_remove(struct acceptor *acceptor)
{
    LIST_REMOVE(acceptor, entry);
}

struct acceptor *
acceptor_find(const struct relay *relay, uint64_t id)
{
    struct acceptor *acceptor;

    LIST_FOREACH(acceptor, &relay->acceptors, entry)
        if (acceptor->id == id)
            return acceptor;
    return NULL;
}

/* An address of this machine is the source of what connects to it. */
static bool
is_own_host(const struct address *to, const struct address *from)
{
    struct address host = *to, source;

    if (address_is_loopback(to))
        return true;
    if (from == NULL)
        return false;
    source = *from;
    address_set_port(&host, 0);
    address_set_port(&source, 0);
    return address_same(&host, &source);
}

/* connect(2) takes any address for loopback. */
static bool
is_very_place(const struct address *at, const struct address *to)
{
    if (!address_is_any(to))
        return address_same(at, to);
    return at->storage.ss_family == to->storage.ss_family &&
        address_port(at) == address_port(to) && !address_is_any(at) &&
        address_is_loopback(at);
}

static bool
is_among_all(const struct address *at, const struct address *to,
    const struct address *from)
{
    return at->storage.ss_family == to->storage.ss_family &&
        address_port(at) == address_port(to) && address_port(at) != 0 &&
        address_is_any(at) && is_own_host(to, from);
}

/* Where several share the address it is not known yet which of them would have
 * the connection: it might come back. */
static struct service *
service_behind(const struct acceptor *acceptor, const struct service *service)
{
    const struct share *share = acceptor->share;

    for (uint32_t i = 0; share != NULL && i < share->count; i++) {
        struct service *member = share->members[i].service;

        if (strcmp(member->config->name, service->config->name) == 0)
            return member;
    }
    return acceptor_service(acceptor);
}

/* The kernel prefers a socket that is bound to the very address. */
static struct service *
find_reached(const struct relay *relay, const struct service *service,
    const struct address *to, const struct address *from)
{
    struct address host = *to, own = { .length = 0 };
    struct service *among_all = NULL;
    const struct acceptor *acceptor;

    address_unmap(&host);
    if (from != NULL)
        own = *from;
    address_unmap(&own);
    LIST_FOREACH(acceptor, &relay->acceptors, entry) {
        const struct address *at = &acceptor->at;

        if (at->length == 0)
            continue;
        if (is_very_place(at, &host))
            return service_behind(acceptor, service);
        if (is_among_all(at, &host, from != NULL ? &own : NULL))
            among_all = service_behind(acceptor, service);
    }
    return among_all;
}

struct service *
acceptor_reached(const struct relay *relay, const struct service *service,
    const struct address *to, const struct address *from)
{
    return (relay->acceptor_ports[address_port(to) / 64] & port_bit(to)) != 0
        ? find_reached(relay, service, to, from)
        : NULL;
}

uint64_t
acceptor_id(const struct acceptor *acceptor)
{
    return acceptor->id;
}

const char *
acceptor_text(const struct acceptor *acceptor)
{
    return acceptor->text;
}

bool
acceptor_is_tls(const struct acceptor *acceptor)
{
    return acceptor->tls;
}

struct service *
acceptor_service(const struct acceptor *acceptor)
{
    return acceptor->waiter.service;
}

unsigned
acceptor_counted(const struct acceptor *acceptor)
{
    return acceptor->share != NULL ? (unsigned)SCOREBOARD_ALL
                                   : acceptor_service(acceptor)->index;
}
