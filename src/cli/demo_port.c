#include "cli/demo_port.h"

#include <netinet/in.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"
#include "base/error.h"

/* A port that is free on one address is nearly always free on the other. */
enum { ATTEMPTS = 20 };

static bool
bind_loopback(int fd, int family, uint16_t port)
{
    static const int on = 1;
    struct address address;

    return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        address_from_numeric(
            &address, family == AF_INET ? "127.0.0.1" : "::1", port) &&
        bind(fd, (const struct sockaddr *)&address.storage,
            address.length) == 0;
}

static uint16_t
port_of_socket(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } name = { 0 };
    socklen_t length = sizeof(name);

    if (getsockname(fd, &name.any, &length) < 0)
        return 0;
    return ntohs(name.any.sa_family == AF_INET6 ? name.in6.sin6_port
                                                : name.in.sin_port);
}

int
demo_port_open(int family, uint16_t port, uint16_t *bound)
{
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error;

    if (fd < 0)
        return -1;
    if (bind_loopback(fd, family, port)) {
        *bound = port_of_socket(fd);
        return fd;
    }
    error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* A machine, or a container, may do without IPv6. */
static bool
is_absent(int error)
{
    return error == EAFNOSUPPORT || error == EADDRNOTAVAIL;
}

static bool
try_reserve(struct demo_port *port)
{
    port->number = 0;
    port->fds[0] = demo_port_open(AF_INET, 0, &port->number);
    if (port->fds[0] < 0)
        return false;
    port->fds[1] = demo_port_open(AF_INET6, port->number, &port->number);
    if (port->fds[1] >= 0 || is_absent(errno))
        return true;
    demo_port_release(port);
    return false;
}

bool
demo_port_reserve(struct demo_port *port, struct error *error)
{
    for (int i = 0; i < ATTEMPTS; i++)
        if (try_reserve(port))
            return true;
    error_add(error, "cannot find a free port on 127.0.0.1 and ::1: %s",
        strerror(errno));
    return false;
}

void
demo_port_release(struct demo_port *port)
{
    for (size_t i = 0; i < COUNT(port->fds); i++)
        if (port->fds[i] >= 0)
            close(port->fds[i]);
    port->fds[0] = port->fds[1] = -1;
}
