#include "net/connector.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "config/config.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "net/socket_options.h"

/* There is nothing to wait for when a unix socket's backlog is full (it says
 * EAGAIN: unix(7)), or when descriptors have run out. */
enum { UNIX_RETRY_MS = 10, EXHAUSTED_RETRY_MS = 100 };

struct connector {
    struct loop *loop;
    struct resolver *resolver;
    struct resolver_query *query;
    const struct service_config *service;
    size_t endpoint;            /* which one is being tried */
    struct address *addresses;  /* of that endpoint */
    size_t count, next;         /* `next`: the one after that being tried */
    uint64_t deadline_ms;       /* of that endpoint */
    struct event connected;
    struct event timer;
    int fd;
    connector_done_fn *done;
    void *arg;
    struct connector **handle;
};

static void try_endpoint(struct connector *connector);
static void try_address(struct connector *connector);

static void
drop_attempt(struct connector *connector)
{
    if (connector->fd < 0)
        return;
    event_del(&connector->connected);
    close(connector->fd);
    connector->fd = -1;
}

void
connector_cancel(struct connector *connector)
{
    if (connector == NULL)
        return;
    resolver_cancel(connector->query);
    drop_attempt(connector);
    event_del(&connector->timer);
    free(connector->addresses);
    *connector->handle = NULL;
    free(connector);
}

static void
finish(struct connector *connector, enum connector_result result)
{
    const struct endpoint *endpoint =
        &connector->service->connect.items[connector->endpoint];
    connector_done_fn *done = connector->done;
    void *arg = connector->arg;
    struct address address = { 0 };
    bool tried = connector->next > 0;
    int fd = -1;

    if (tried)
        address = connector->addresses[connector->next - 1];
    if (result == CONNECTOR_CONNECTED) {
        fd = connector->fd;
        event_del(&connector->connected);
        connector->fd = -1; /* the caller's now */
    }
    connector_cancel(connector);
    done(arg, result, fd, endpoint, tried ? &address : NULL);
}

static void
next_endpoint(struct connector *connector, enum connector_result why)
{
    drop_attempt(connector);
    if (connector->endpoint + 1 == connector->service->connect.count) {
        finish(connector, why);
        return;
    }
    connector->endpoint++;
    try_endpoint(connector);
}

static void
next_address(struct connector *connector, enum connector_result why)
{
    drop_attempt(connector);
    if (connector->next < connector->count)
        try_address(connector);
    else
        next_endpoint(connector, why);
}

static enum connector_result
result_of(int error)
{
    switch (error) {
    case ECONNREFUSED:
    case ENOENT: /* a unix path that is not there */
    case ECONNRESET: /* accepted, and dropped at once */
    case EPIPE:      /* the same, after a FIN */
        return CONNECTOR_REFUSED;
    case ETIMEDOUT:
    case EAGAIN: /* a unix backlog that stays full */
        return CONNECTOR_TIMEOUT;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOBUFS:
    case EADDRNOTAVAIL: /* no local port is left: connect(2) */
        return CONNECTOR_EXHAUSTED;
    case EACCES:
    case EPERM:
        return CONNECTOR_FORBIDDEN;
    default:
        return CONNECTOR_UNREACHABLE;
    }
}

static void
arm_timer(struct connector *connector, uint64_t delay_ms)
{
    struct timeval delay = clock_span(delay_ms);

    event_add(&connector->timer, &delay);
}

static uint64_t
time_left_ms(const struct connector *connector)
{
    uint64_t now_ms = clock_now_ms();

    return now_ms < connector->deadline_ms ? connector->deadline_ms - now_ms
                                           : 0;
}

/* A socket that failed is readable, too; one that connected only if its server
 * has spoken already. */
static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
    struct connector *connector = arg;
    int error = 0;
    socklen_t length = sizeof(error);

    if ((what & EV_READ) &&
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
        error = errno;
    if (error == 0)
        finish(connector, CONNECTOR_CONNECTED);
    else
        next_address(connector, result_of(error));
}

/* What was short may be there now; anything else took too long. */
static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct connector *connector = arg;
    bool retries = connector->fd < 0 && connector->query == NULL;

    (void)fd;
    (void)what;
    if (retries) {
        connector->next--;
        try_address(connector);
    } else if (connector->query != NULL) {
        resolver_cancel(connector->query);
        next_endpoint(connector, CONNECTOR_UNRESOLVED);
    } else {
        next_address(connector, CONNECTOR_TIMEOUT);
    }
}

static int
open_socket(const struct connector *connector, int family)
{
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error;

    if (fd >= 0 && !socket_options_set(fd, family != AF_UNIX,
                       &connector->service->connect_leg)) {
        error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* A server on this machine has accepted by the time connect(2) returns. */
static bool
is_here(const struct address *address)
{
    const struct sockaddr_storage *storage = &address->storage;

    if (storage->ss_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(
            &((const struct sockaddr_in6 *)storage)->sin6_addr);
    return storage->ss_family == AF_INET &&
        ntohl(((const struct sockaddr_in *)storage)->sin_addr.s_addr) >> 24 ==
        IN_LOOPBACKNET;
}

static bool
is_connected(int fd)
{
    struct pollfd socket = { .fd = fd, .events = POLLOUT };

    return poll(&socket, 1, 0) == 1 && socket.revents == POLLOUT;
}

/* An address that swallows packets may not use up the time of the others. */
static void
await(struct connector *connector, const struct address *address)
{
    size_t left = connector->count - connector->next + 1;

    if (is_here(address) && is_connected(connector->fd)) {
        finish(connector, CONNECTOR_CONNECTED);
        return;
    }
    event_add(&connector->connected, NULL);
    arm_timer(connector, time_left_ms(connector) / left);
}

/* Tries the same address again, while there is time. */
static void
retry_address(struct connector *connector, int error, uint64_t delay_ms)
{
    drop_attempt(connector);
    if (time_left_ms(connector) > 0)
        arm_timer(connector, delay_ms);
    else
        next_address(connector, result_of(error));
}

static void
try_address(struct connector *connector)
{
    const struct address *address = &connector->addresses[connector->next++];
    int family = address->storage.ss_family;

    connector->fd = open_socket(connector, family);
    if (connector->fd < 0) {
        if (result_of(errno) == CONNECTOR_EXHAUSTED)
            retry_address(connector, errno, EXHAUSTED_RETRY_MS);
        else
            next_address(connector, result_of(errno));
        return;
    }
    event_assign(&connector->connected, connector->loop->base, connector->fd,
        EV_READ | EV_WRITE, on_ready, connector);
    if (connect(connector->fd, (const struct sockaddr *)&address->storage,
            address->length) == 0)
        finish(connector, CONNECTOR_CONNECTED);
    else if (errno == EINPROGRESS)
        await(connector, address);
    else if (errno == EAGAIN)
        retry_address(connector, errno, UNIX_RETRY_MS);
    else
        next_address(connector, result_of(errno));
}

static void
set_port(struct address *address, uint16_t port)
{
    if (address->storage.ss_family == AF_INET6)
        ((struct sockaddr_in6 *)&address->storage)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)&address->storage)->sin_port = htons(port);
}

static bool
take_addresses(struct connector *connector, const struct address *addresses,
    size_t count)
{
    struct address *copy = malloc(count * sizeof(*copy));

    if (copy == NULL)
        return false;
    memcpy(copy, addresses, count * sizeof(*copy));
    free(connector->addresses);
    connector->addresses = copy;
    connector->count = count;
    connector->next = 0;
    return true;
}

static void
on_resolved(void *arg, enum resolver_result result,
    const struct address *addresses, size_t count)
{
    struct connector *connector = arg;
    uint16_t port = connector->service->connect.items[connector->endpoint].port;

    if (result != RESOLVER_FOUND) {
        next_endpoint(connector, CONNECTOR_UNRESOLVED);
        return;
    }
    if (!take_addresses(connector, addresses, count)) {
        next_endpoint(connector, CONNECTOR_EXHAUSTED);
        return;
    }
    for (size_t i = 0; i < count; i++)
        set_port(&connector->addresses[i], port);
    try_address(connector);
}

static void
try_endpoint(struct connector *connector)
{
    const struct endpoint *endpoint =
        &connector->service->connect.items[connector->endpoint];
    uint64_t timeout_ms = connector->service->connect_timeout_ms;
    struct address address;
    bool known;

    connector->count = connector->next = 0;
    connector->deadline_ms = clock_now_ms() + timeout_ms;
    known = endpoint->kind == ENDPOINT_UNIX
        ? address_from_path(&address, endpoint->path)
        : address_from_numeric(&address, endpoint->host, endpoint->port);
    if (known) {
        if (take_addresses(connector, &address, 1))
            try_address(connector);
        else
            next_endpoint(connector, CONNECTOR_EXHAUSTED);
        return;
    }
    arm_timer(connector, timeout_ms);
    /* The answer may come at once, and the connector be gone by then. */
    resolver_start(connector->resolver, endpoint->host, on_resolved, connector,
        &connector->query);
}

void
connector_start(struct loop *loop, struct resolver *resolver,
    const struct service_config *service, connector_done_fn *done, void *arg,
    struct connector **handle)
{
    struct connector *connector = calloc(1, sizeof(*connector));

    *handle = connector;
    if (connector == NULL) {
        done(arg, CONNECTOR_EXHAUSTED, -1, &service->connect.items[0], NULL);
        return;
    }
    connector->loop = loop;
    connector->resolver = resolver;
    connector->service = service;
    connector->done = done;
    connector->arg = arg;
    connector->handle = handle;
    connector->fd = -1;
    evtimer_assign(&connector->timer, loop->base, on_timer, connector);
    try_endpoint(connector);
}
