#include "net/listener_bind.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"
#include "base/error.h"
#include "config/config.h"
#include "config/config_fault.h"
#include "net/listener_rights.h"
#include "net/socket_options.h"
#include "net/unix_path.h"

enum { SECTION_SIZE = 128, TEXT_SIZE = 512, ADDRESSES_MAX = 64 };

/* What is being bound, for the helpers below. */
struct attempt {
    const char *service;
    const struct endpoint *endpoint;
    const struct leg_config *leg;
    const struct listener_binder *binder;
    struct error *error;
};

static void PRINTF_LIKE(2, 3)
report_endpoint_fault(const struct attempt *attempt, const char *format, ...)
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
report_errno(const struct attempt *attempt, const char *what,
    const char *advice)
{
    report_endpoint_fault(attempt, "%s: %s%s", what, strerror(errno), advice);
}

static const char *
bind_advice(int error)
{
    switch (error) {
    case EADDRINUSE:
        return "; another program (ss -ltnp shows it) or another listen line "
               "has this address: stop it or choose another port";
    case EADDRNOTAVAIL:
        return "; no interface of this machine has this address: correct it, "
               "or write listen.freebind = yes if it comes later";
    case EACCES:
        return "; ports below 1024 and this path need more rights";
    default:
        return "";
    }
}

static bool
clear_path(const struct attempt *attempt)
{
    struct unix_path_fault fault;

    if (unix_path_clear(attempt->endpoint->path, &fault))
        return true;
    report_errno(attempt, fault.what, fault.advice);
    return false;
}

/* Remembers which file it is that was just made. */
static bool
note_made_path(const struct attempt *attempt, struct listener_socket *made)
{
    const char *path = attempt->endpoint->path;
    struct stat file;

    if (path[0] == '@')
        return true;
    if (lstat(path, &file) < 0 || (made->path = strdup(path)) == NULL) {
        report_errno(attempt, "cannot see the socket just made", "");
        return false;
    }
    made->device = file.st_dev;
    made->inode = file.st_ino;
    return true;
}

/* ip(7), which is silent about IPv6's. */
static bool
set_freebind(int fd, int family)
{
    static const int on = 1;

    return family == AF_INET6
        ? setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on)) == 0
        : setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on)) == 0;
}

static bool
set_listen_options(int fd, int family, const struct leg_config *leg)
{
    static const int on = 1;

    if (family != AF_UNIX &&
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
        return false;
    /* `*` opens a socket of its own for each family. */
    if (family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
        return false;
    if (leg->freebind && family != AF_UNIX && !set_freebind(fd, family))
        return false;
    return socket_options_never_wait(fd) &&
        socket_options_set(fd, family != AF_UNIX, leg);
}

/*
 * The first socket of an address is bound without SO_REUSEPORT, so that an
 * address that another process serves, even one of the same user, is found to
 * be taken; the option is set afterwards, for our further sockets.  The
 * exception is an address that overlaps one of our own.
 */
static bool
bind_socket(const struct attempt *attempt, const struct address *address,
    const struct listener_socket *made)
{
    static const int on = 1;
    const struct listener_binder *binder = attempt->binder;
    const struct sockaddr *bare = (const struct sockaddr *)&address->storage;
    bool is_unix = bare->sa_family == AF_UNIX;
    bool joins = made->index > 0 ||
        (!is_unix && binder->overlaps(binder->arg, address));

    if (!is_unix && joins &&
        setsockopt(made->fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0)
        return false;
    /* The file that bind(2) makes has the socket's mode, but for the umask. */
    if (is_unix && fchmod(made->fd, S_IRUSR | S_IWUSR) < 0)
        return false;
    if (bind(made->fd, bare, address->length) < 0)
        return false;
    return is_unix || joins ||
        setsockopt(made->fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0;
}

static bool
make_socket(const struct attempt *attempt, const struct address *address,
    struct listener_socket *made)
{
    int family = address->storage.ss_family;

    made->fd =
        socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (made->fd < 0) {
        report_errno(attempt, "cannot make a socket", "");
        return false;
    }
    if (!set_listen_options(made->fd, family, attempt->leg)) {
        report_errno(attempt, "cannot set socket options", "");
        return false;
    }
    if (!bind_socket(attempt, address, made)) {
        report_errno(attempt, "cannot bind", bind_advice(errno));
        return false;
    }
    if (family == AF_UNIX && !note_made_path(attempt, made))
        return false;
    if (listen(made->fd, (int)attempt->leg->backlog) < 0) {
        report_errno(attempt, "cannot listen", bind_advice(errno));
        return false;
    }
    return true;
}

static bool
open_one(const struct attempt *attempt, const struct address *address,
    const char *text, unsigned index)
{
    const struct listener_binder *binder = attempt->binder;
    struct listener_socket made = { .fd = -1, .index = index };

    if (binder->have(binder->arg, text, index))
        return true;
    made.text = strdup(text);
    if (made.text != NULL && make_socket(attempt, address, &made) &&
        binder->bound(binder->arg, &made))
        return true;
    listener_socket_close(&made);
    return false;
}

static bool
open_address(const struct attempt *attempt, const struct address *address)
{
    const struct listener_binder *binder = attempt->binder;
    unsigned count =
        address->storage.ss_family == AF_UNIX ? 1 : binder->count;
    char text[ADDRESS_TEXT_SIZE];

    address_format(
        (const struct sockaddr *)&address->storage, address->length, text);
    if (!binder->claim(binder->arg, text)) {
        errno = EADDRINUSE;
        report_errno(attempt, "cannot bind", bind_advice(errno));
        return false;
    }
    for (unsigned i = 0; i < count; i++)
        if (!open_one(attempt, address, text, i))
            return false;
    return true;
}

static bool
open_unix(const struct attempt *attempt)
{
    const struct listener_binder *binder = attempt->binder;
    char text[ADDRESS_TEXT_SIZE];
    struct address address;

    if (!address_from_path(&address, attempt->endpoint->path)) {
        errno = ENAMETOOLONG;
        report_errno(attempt, "not a usable path", "");
        return false;
    }
    address_format(
        (const struct sockaddr *)&address.storage, address.length, text);
    if (!binder->have(binder->arg, text, 0) &&
        !clear_path(attempt))
        return false;
    return open_address(attempt, &address);
}

/* Passed sockets are there from the start, or never. */
static bool
find_passed(const struct attempt *attempt)
{
    const struct listener_binder *binder = attempt->binder;
    const char *name = attempt->endpoint->path;
    char text[ADDRESS_TEXT_SIZE];

    snprintf(text, sizeof(text), LISTENER_PASSED "%s", name);
    if (!binder->have(binder->arg, text, 0)) {
        report_endpoint_fault(attempt,
            "systemd passed no socket of this name at the start; "
            "a .socket unit for this service needs FileDescriptorName=%s, and "
            "then both a restart",
            name);
        return false;
    }
    if (binder->claim(binder->arg, text))
        return true;
    report_endpoint_fault(attempt, "another listen line has this socket");
    return false;
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

/* `*` is every address of each family. */
static size_t
find_addresses(const struct attempt *attempt,
    struct address addresses[ADDRESSES_MAX], const char **why)
{
    static const char *const wildcards[] = { "0.0.0.0", "::" };
    const struct listener_binder *binder = attempt->binder;
    const struct endpoint *endpoint = attempt->endpoint;
    size_t count = 0;

    if (endpoint->host != NULL &&
        !address_from_numeric(
            &addresses[0], endpoint->host, endpoint->port))
        return binder->resolve(
            binder->arg, endpoint->host, addresses, ADDRESSES_MAX, why);
    if (endpoint->host != NULL)
        return 1;
    for (size_t i = 0; i < COUNT(wildcards); i++)
        count += address_from_numeric(
            &addresses[count], wildcards[i], endpoint->port);
    return count;
}

static bool
is_repeated(const struct address *addresses, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (addresses[i].length == addresses[index].length &&
            memcmp(&addresses[i].storage, &addresses[index].storage,
                addresses[index].length) == 0)
            return true;
    return false;
}

static bool
open_inet(const struct attempt *attempt)
{
    const struct endpoint *endpoint = attempt->endpoint;
    struct address addresses[ADDRESSES_MAX];
    const char *why = "it has no address";
    size_t count = find_addresses(attempt, addresses, &why);
    bool ok = true;

    if (count == 0)
        report_endpoint_fault(attempt,
            "cannot resolve \"%s\": %s; write an address of "
            "this machine, or * for all",
            endpoint->host, why);
    for (size_t i = 0; i < count; i++) {
        address_set_port(&addresses[i], endpoint->port);
        if (is_family_missing(endpoint, addresses[i].storage.ss_family) ||
            is_repeated(addresses, i))
            continue;
        ok &= open_address(attempt, &addresses[i]);
    }
    return count > 0 && ok;
}

bool
listener_bind(const char *service, const struct endpoint *endpoint,
    const struct leg_config *leg, const struct listener_binder *binder,
    struct error *error)
{
    const struct attempt attempt = { service, endpoint, leg, binder, error };

    switch (endpoint->kind) {
    case ENDPOINT_UNIX:
        return open_unix(&attempt);
    case ENDPOINT_SYSTEMD:
        return find_passed(&attempt);
    default:
        return open_inet(&attempt);
    }
}

/* The text of one that was passed does not tell. */
static bool
is_inet(int fd)
{
    int family = AF_UNIX;
    socklen_t length = sizeof(family);

    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length) == 0 &&
        family != AF_UNIX;
}

/* Another program may be given it later, which may wait in accept(2). */
static bool
is_passed(const struct listener_socket *socket)
{
    return strncmp(socket->text, LISTENER_PASSED,
               strlen(LISTENER_PASSED)) == 0;
}

void
listener_refresh(const struct listener_socket *socket,
    const struct leg_config *leg, struct error *error)
{
    bool inet = is_inet(socket->fd);
    const char *problem = NULL;

    if ((!is_passed(socket) && !socket_options_never_wait(socket->fd)) ||
        (inet && !socket_options_reset(socket->fd)) ||
        !socket_options_set(socket->fd, inet, leg) ||
        listen(socket->fd, (int)leg->backlog) < 0)
        problem = "cannot change the listening socket";
    else
        problem = listener_rights_set(socket, leg);
    if (problem != NULL)
        error_add(
            error, "%s: %s: %s", socket->text, problem, strerror(errno));
}
