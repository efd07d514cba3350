#include "bound.h"

#include "config/config.h"

static bool
keep(void *arg, const struct listener_socket *socket)
{
    struct bound *bound = arg;

    if (bound->count == BOUND_MOST)
        return false;
    bound->sockets[bound->count++] = *socket;
    return true;
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

    return listener_bind("web", &endpoint, leg, keep, bound, error);
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

    return listener_bind("web", &endpoint, leg, keep, bound, error);
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
