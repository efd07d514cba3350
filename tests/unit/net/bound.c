#include "bound.h"

#include <string.h>

#include "config/config.h"

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
has_port(void *arg, unsigned port)
{
    const struct bound *bound = arg;

    return bound->own_port == port;
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

static struct listener_binder
binder_of(struct bound *bound)
{
    return (struct listener_binder){
        .count = bound->each > 0 ? bound->each : 1,
        .claim = claim,
        .have = have,
        .has_port = has_port,
        .bound = keep,
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

    return listener_bind("web", &endpoint, leg, &binder, error);
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
