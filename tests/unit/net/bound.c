#include "bound.h"

#include <string.h>

#include "base/address.h"
#include "config/config.h"
#include "net/listener_rights.h"

static bool
claim(void *arg, const char *text)
{
    const struct bound *bound = arg;

    (void)text;
    return !bound->refuses;
}

static bool
have(void *arg, const char *text, unsigned index)
{
    const struct bound *bound = arg;

    for (size_t i = 0; i < bound->count; i++)
        if (bound->sockets[i].index == index &&
            strcmp(bound->sockets[i].text, text) == 0)
            return true;
    return false;
}

static bool
overlaps(void *arg, const struct address *address)
{
    const struct bound *bound = arg;

    return bound->own_port == address_port(address);
}

static bool
keep(void *arg, const struct listener_socket *socket)
{
    struct bound *bound = arg;

    if (bound->count == (bound->is_limited ? bound->room : BOUND_MOST))
        return false;
    bound->sockets[bound->count++] = *socket;
    return true;
}

/* One address twice: a DNS may answer so. */
static size_t
resolve(void *arg, const char *host, struct address *addresses, size_t room,
    const char **why)
{
    static const char *const numbers[] = { "127.0.0.1", "127.0.0.1" };
    size_t count = 0;

    (void)arg;
    *why = "nothing knows it";
    if (strcmp(host, "localhost") != 0)
        return 0;
    for (size_t i = 0; i < COUNT(numbers) && count < room; i++)
        count +=
            address_from_numeric(&addresses[count], numbers[i], 0);
    return count;
}

static struct listener_binder
binder_of(struct bound *bound)
{
    return (struct listener_binder){
        .count = bound->each > 0 ? bound->each : 1,
        .claim = claim,
        .have = have,
        .overlaps = overlaps,
        .bound = keep,
        .resolve = resolve,
        .arg = bound,
    };
}

bool
bound_inet(struct bound *bound, const char *host, uint16_t port,
    const struct leg_config *leg, struct error *error)
{
    struct endpoint endpoint = {
        .kind = ENDPOINT_INET,
        .host = (char *)host,
        .port = port,
        .text = (char *)"HOST:PORT",
        .origin = { .file = "x.ini", .line = 7 },
    };
    struct listener_binder binder = binder_of(bound);

    return listener_bind("web", &endpoint, leg, &binder, error);
}

/* As the master does: what has been made since there were `before` goes to its
 * owner; where that fails, nothing is left. */
static bool
gives(struct bound *bound, size_t before, const struct endpoint *endpoint,
    const struct leg_config *leg, struct error *error)
{
    struct listener_socket *last = &bound->sockets[bound->count - 1];

    if (bound->count == before)
        return listener_rights_are_known("web", endpoint, leg, error);
    if (listener_rights_give("web", endpoint, leg, last, error))
        return true;
    listener_socket_close(last);
    bound->count--;
    return false;
}

bool
bound_unix(struct bound *bound, char *path, const struct leg_config *leg,
    struct error *error)
{
    struct endpoint endpoint = {
        .kind = ENDPOINT_UNIX,
        .path = path,
        .text = (char *)"unix:PATH",
        .origin = { .file = "x.ini", .line = 7 },
    };
    struct listener_binder binder = binder_of(bound);
    size_t before = bound->count;

    return listener_bind("web", &endpoint, leg, &binder, error) &&
        gives(bound, before, &endpoint, leg, error);
}

int
bound_release(struct bound *bound, size_t index)
{
    int fd = bound->sockets[index].fd;

    bound->sockets[index].fd = -1;
    return fd;
}

void
bound_close(struct bound *bound)
{
    while (bound->count > 0)
        listener_socket_close(&bound->sockets[--bound->count]);
}
