#include "net/listener_bind.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"
#include "config/config.h"
#include "config/config_fault.h"
#include "net/socket_options.h"
#include "net/unix_path.h"

enum { SECTION_SIZE = 128, TEXT_SIZE = 512 };

/* What is being bound, for the helpers below. */
struct attempt {
    const char *service;
    const struct endpoint *endpoint;
    const struct leg_config *leg;
    struct error *error;
};

static void PRINTF_LIKE(2, 3)
complain(const struct attempt *attempt, const char *format, ...)
{
    const struct endpoint *endpoint = attempt->endpoint;
    char section[SECTION_SIZE], text[TEXT_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    snprintf(section, sizeof(section), "service %s", attempt->service);
    config_fault_add(attempt->error, &endpoint->origin, section, "listen",
        "%s: %s", endpoint->text, text);
}

static void
explain(const struct attempt *attempt, const char *what, const char *advice)
{
    complain(attempt, "%s: %s%s", what, strerror(errno), advice);
}

static const char *
bind_advice(int error)
{
    switch (error) {
    case EADDRINUSE:
        return "; another program (ss -ltnp shows it) or another listen line "
               "has this address: stop it or choose another port";
    case EADDRNOTAVAIL:
        return "; no interface of this machine has this address";
    case EACCES:
        return "; ports below 1024 and this path need more rights";
    default:
        return "";
    }
}

void
listener_socket_close(struct listener_socket *socket)
{
    struct stat now;

    if (socket->fd >= 0)
        close(socket->fd);
    if (socket->path != NULL && lstat(socket->path, &now) == 0 &&
        now.st_dev == socket->device && now.st_ino == socket->inode)
        unlink(socket->path);
    free(socket->path);
    free(socket->text);
    *socket = (struct listener_socket){ .fd = -1 };
}

static bool
clear_path(const struct attempt *attempt)
{
    struct unix_path_fault fault;

    if (unix_path_clear(attempt->endpoint->path, &fault))
        return true;
    explain(attempt, fault.what, fault.advice);
    return false;
}

/* USER[:GROUP], by name; without GROUP the user's own. */
static bool
look_up_owner(const char *owner, uid_t *uid, gid_t *gid)
{
    const char *colon = strchr(owner, ':');
    char *user = colon ? strndup(owner, (size_t)(colon - owner)) : strdup(owner);
    const struct passwd *passwd = user != NULL ? getpwnam(user) : NULL;
    const struct group *group = colon != NULL ? getgrnam(colon + 1) : NULL;

    free(user);
    errno = ENOENT;
    if (passwd == NULL || (colon != NULL && group == NULL))
        return false;
    *uid = passwd->pw_uid;
    *gid = group != NULL ? group->gr_gid : passwd->pw_gid;
    return true;
}

static bool
own_path(const struct attempt *attempt, struct listener_socket *made)
{
    const struct leg_config *leg = attempt->leg;
    const char *path = attempt->endpoint->path;
    struct stat file;
    uid_t uid;
    gid_t gid;

    if (path[0] == '@')
        return true;
    if (lstat(path, &file) < 0 || (made->path = strdup(path)) == NULL) {
        explain(attempt, "cannot see the socket just made", "");
        return false;
    }
    made->device = file.st_dev;
    made->inode = file.st_ino;
    if (chmod(path, leg->mode) < 0) {
        explain(attempt, "cannot set listen.mode", "");
        return false;
    }
    if (leg->owner == NULL)
        return true;
    if (!look_up_owner(leg->owner, &uid, &gid) || chown(path, uid, gid) < 0) {
        explain(attempt, "cannot set listen.owner",
            "; it takes USER or USER:GROUP of this machine");
        return false;
    }
    return true;
}

static bool
set_options(int fd, int family, const struct leg_config *leg)
{
    static const int on = 1;

    if (family != AF_UNIX &&
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
        return false;
    /* `*` opens a socket of its own for each family. */
    if (family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
        return false;
    return socket_options_set(fd, family != AF_UNIX, leg);
}

static bool
bind_address(const struct attempt *attempt, const struct address *address,
    struct listener_socket *made)
{
    int family = address->storage.ss_family;
    char text[ADDRESS_TEXT_SIZE];

    *made = (struct listener_socket){ .service = attempt->service };
    made->fd =
        socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (made->fd < 0) {
        explain(attempt, "cannot make a socket", "");
        return false;
    }
    if (!set_options(made->fd, family, attempt->leg)) {
        explain(attempt, "cannot set socket options", "");
        return false;
    }
    if (bind(made->fd, (const struct sockaddr *)&address->storage,
            address->length) < 0) {
        explain(attempt, "cannot bind", bind_advice(errno));
        return false;
    }
    if (family == AF_UNIX && !own_path(attempt, made))
        return false;
    if (listen(made->fd, (int)attempt->leg->backlog) < 0) {
        explain(attempt, "cannot listen", bind_advice(errno));
        return false;
    }
    made->text = strdup(address_format(
        (const struct sockaddr *)&address->storage, address->length, text));
    return made->text != NULL;
}

static bool
open_address(const struct attempt *attempt, const struct address *address,
    listener_bound_fn *bound, void *arg)
{
    struct listener_socket made;

    if (bind_address(attempt, address, &made) && bound(arg, &made))
        return true;
    listener_socket_close(&made);
    return false;
}

static bool
open_unix(const struct attempt *attempt, listener_bound_fn *bound, void *arg)
{
    struct address address;

    if (!address_from_path(&address, attempt->endpoint->path)) {
        errno = ENAMETOOLONG;
        explain(attempt, "not a usable path", "");
        return false;
    }
    return clear_path(attempt) &&
        open_address(attempt, &address, bound, arg);
}

/* A machine without IPv6 still serves `*` on IPv4. */
static bool
is_family_missing(const struct endpoint *endpoint, int family)
{
    int fd;

    if (endpoint->host != NULL)
        return false;
    fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno == EAFNOSUPPORT;
    close(fd);
    return false;
}

static bool
open_inet(const struct attempt *attempt, listener_bound_fn *bound, void *arg)
{
    const struct endpoint *endpoint = attempt->endpoint;
    const struct addrinfo hints = {
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
    };
    struct addrinfo *found = NULL;
    char port[8];
    bool ok = true;
    int code;

    snprintf(port, sizeof(port), "%u", endpoint->port);
    code = getaddrinfo(endpoint->host, port, &hints, &found);
    if (code != 0) {
        complain(attempt,
            "cannot resolve \"%s\": %s; write an address of this machine, "
            "or * for all",
            endpoint->host != NULL ? endpoint->host : "*", gai_strerror(code));
        return false;
    }
    for (const struct addrinfo *each = found; each != NULL;
         each = each->ai_next) {
        struct address address = { .length = each->ai_addrlen };

        if (is_family_missing(endpoint, each->ai_family))
            continue;
        memcpy(&address.storage, each->ai_addr, each->ai_addrlen);
        ok &= open_address(attempt, &address, bound, arg);
    }
    freeaddrinfo(found);
    return ok;
}

bool
listener_bind(const char *service, const struct endpoint *endpoint,
    const struct leg_config *leg, listener_bound_fn *bound, void *arg,
    struct error *error)
{
    const struct attempt attempt = { service, endpoint, leg, error };

    if (endpoint->kind == ENDPOINT_UNIX)
        return open_unix(&attempt, bound, arg);
    return open_inet(&attempt, bound, arg);
}
