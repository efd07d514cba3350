#include "systemd/activation.h"

#include <sys/socket.h>

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/number.h"
#include "config/config.h"
#include "config/config_fault.h"
#include "ipc/message.h"
#include "net/listen_table.h"

/* Where they begin; and more than any manager passes. */
enum { FIRST_FD = 3, PASSED_MAX = 65536 };

enum { SECTION_SIZE = 128, NAMES_SIZE = 256 };

static uint64_t
number_of(const char *variable)
{
    const char *text = getenv(variable);
    uint64_t number = 0;

    return text != NULL && number_parse(text, &number) ? number : 0;
}

/* Names stand between colons; without one each is "unknown". */
static char *
take_passed_name(char **rest)
{
    char *colon, *name = *rest;

    if (name == NULL)
        return strdup("unknown");
    colon = strchr(name, ':');
    *rest = colon != NULL ? colon + 1 : NULL;
    return colon != NULL ? strndup(name, (size_t)(colon - name))
                         : strdup(name);
}

static size_t
count_names(const char *names)
{
    size_t count = 1;

    for (; *names != '\0'; names++)
        count += *names == ':';
    return count;
}

/* Makes the descriptors close-on-exec, so that no child inherits them.  Those
 * not wanted are found later, when errors can be reported. */
static void
take_passed_sockets(struct activation *activation, size_t count)
{
    char *names = getenv("LISTEN_FDNAMES");

    if (names != NULL && count_names(names) != count)
        names = NULL;
    activation->items = calloc(count, sizeof(*activation->items));
    for (size_t i = 0; activation->items != NULL && i < count; i++) {
        int fd = FIRST_FD + (int)i;

        if (!fd_set_cloexec(fd) || !fd_set_nonblocking(fd))
            log_debug(NULL, "descriptor %d: %m", fd);
        activation->items[i] =
            (struct passed){ .fd = fd, .name = take_passed_name(&names) };
        activation->count++;
    }
}

void
activation_take(struct activation *activation)
{
    uint64_t count = number_of("LISTEN_FDS");

    *activation = (struct activation){ .items = NULL };
    if (number_of("LISTEN_PID") == (uint64_t)getpid() && count > 0 &&
        count <= PASSED_MAX)
        take_passed_sockets(activation, (size_t)count);
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDNAMES");
}

void
activation_free(struct activation *activation)
{
    for (size_t i = 0; i < activation->count; i++) {
        if (activation->items[i].fd >= 0)
            close(activation->items[i].fd);
        free(activation->items[i].name);
    }
    free(activation->items);
    *activation = (struct activation){ .items = NULL };
}

static int
option_of(int fd, int name)
{
    int value = 0;
    socklen_t length = sizeof(value);

    return getsockopt(fd, SOL_SOCKET, name, &value, &length) == 0 ? value : -1;
}

/* NULL: a socket that we can serve at. */
static const char *
fault_of(int fd)
{
    int family = option_of(fd, SO_DOMAIN);

    if (family < 0)
        return "not a socket";
    if (family != AF_INET && family != AF_INET6 && family != AF_UNIX)
        return "a socket of a family that is not served";
    if (option_of(fd, SO_TYPE) != SOCK_STREAM)
        return "not a stream socket; it takes ListenStream=";
    if (option_of(fd, SO_ACCEPTCONN) != 1)
        return "a connection, not a listening socket; it takes Accept=no";
    return NULL;
}

static bool
add_passed_socket(struct passed *passed, struct listen_table *sockets,
    struct error *error)
{
    struct listener_socket made = { .fd = passed->fd };
    char text[ADDRESS_TEXT_SIZE];

    snprintf(text, sizeof(text), LISTENER_PASSED "%s",
        passed->name != NULL ? passed->name : "");
    while (listen_table_find(sockets, text, made.index) != NULL)
        made.index++;
    if (made.index >= MESSAGE_SOCKETS_MAX) {
        error_add(error, "systemd passed more than %d sockets named \"%s\"",
            MESSAGE_SOCKETS_MAX, passed->name);
        return false;
    }
    made.text = strdup(text);
    if (made.text == NULL || listen_table_add(sockets, &made) == NULL) {
        free(made.text);
        error_no_memory(error);
        return false;
    }
    passed->fd = -1;
    return true;
}

bool
activation_lend(struct activation *activation, struct listen_table *sockets,
    struct error *error)
{
    bool ok = true;

    for (size_t i = 0; i < activation->count; i++) {
        struct passed *passed = &activation->items[i];
        const char *fault;

        if (passed->fd < 0)
            continue;
        fault = fault_of(passed->fd);
        if (fault != NULL)
            error_add(error, "what systemd passed as \"%s\" is %s",
                passed->name, fault);
        ok &= fault == NULL && add_passed_socket(passed, sockets, error);
    }
    return ok;
}

static const char *
name_of_passed(const struct listen_socket *held)
{
    return held->socket.text + strlen(LISTENER_PASSED);
}

/* The first of the sockets with one name. */
static bool
is_first_lent(const struct listen_socket *held)
{
    return listen_socket_is_passed(held) && held->socket.index == 0;
}

static const struct listen_socket *
find_passed_by_name(const struct listen_table *sockets, const char *name)
{
    for (size_t i = 0; i < sockets->count; i++)
        if (is_first_lent(&sockets->items[i]) &&
            strcmp(name_of_passed(&sockets->items[i]), name) == 0)
            return &sockets->items[i];
    return NULL;
}

/* `"a", "b"`, as many as there is room for; empty: none was passed. */
static void
list_passed_names(const struct listen_table *sockets, char text[NAMES_SIZE])
{
    size_t length = 0;

    text[0] = '\0';
    for (size_t i = 0; i < sockets->count; i++) {
        const struct listen_socket *held = &sockets->items[i];

        if (is_first_lent(held) &&
            length + strlen(name_of_passed(held)) + sizeof(", \"\"") <=
                NAMES_SIZE)
            length += (size_t)snprintf(text + length, NAMES_SIZE - length,
                "%s\"%s\"", length > 0 ? ", " : "", name_of_passed(held));
    }
}

static void
report_missing(const struct service_config *service,
    const struct endpoint *endpoint, const struct listen_table *sockets,
    struct error *error)
{
    char section[SECTION_SIZE], names[NAMES_SIZE];

    snprintf(section, sizeof(section), "service %s", service->name);
    list_passed_names(sockets, names);
    if (names[0] != '\0')
        config_fault_add(error, &endpoint->origin, section, "listen",
            "%s: systemd passed no socket of this name, but %s; set "
            "FileDescriptorName=%s in the .socket unit", endpoint->text, names,
            endpoint->path);
    else
        config_fault_add(error, &endpoint->origin, section, "listen",
            "%s: no socket was passed to this process; start it through a "
            ".socket unit with FileDescriptorName=%s, or listen on an address",
            endpoint->text, endpoint->path);
}

static bool
find_missing(const struct listen_table *sockets, const struct config *config,
    struct error *error)
{
    bool ok = true;

    for (size_t i = 0; i < config->service_count; i++) {
        const struct service_config *service = &config->services[i];

        for (size_t j = 0; j < service->listen.count; j++) {
            const struct endpoint *endpoint = &service->listen.items[j];

            if (endpoint->kind != ENDPOINT_SYSTEMD ||
                find_passed_by_name(sockets, endpoint->path) != NULL)
                continue;
            report_missing(service, endpoint, sockets, error);
            ok = false;
        }
    }
    return ok;
}

static bool
is_wanted(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->service_count; i++) {
        const struct endpoints *listen = &config->services[i].listen;

        for (size_t j = 0; j < listen->count; j++)
            if (listen->items[j].kind == ENDPOINT_SYSTEMD &&
                strcmp(listen->items[j].path, name) == 0)
                return true;
    }
    return false;
}

static bool
find_extra(const struct listen_table *sockets, const struct config *config,
    struct error *error)
{
    bool ok = true;

    for (size_t i = 0; i < sockets->count; i++) {
        const struct listen_socket *held = &sockets->items[i];

        if (!is_first_lent(held) || is_wanted(config, name_of_passed(held)))
            continue;
        error_add(error, "systemd passed a socket named \"%s\", but no service "
            "has listen = systemd:%s; its clients would wait for ever",
            name_of_passed(held), name_of_passed(held));
        ok = false;
    }
    return ok;
}

bool
activation_match(const struct listen_table *sockets,
    const struct config *config, bool strict, struct error *error)
{
    bool ok = find_missing(sockets, config, error);

    return (!strict || find_extra(sockets, config, error)) && ok;
}

void
activation_warn(const struct listen_table *sockets)
{
    for (size_t i = 0; i < sockets->count; i++) {
        const struct listen_socket *held = &sockets->items[i];

        if (is_first_lent(held) && !held->serves)
            log_warn(NULL, "no service listens on systemd:%s any more; its "
                "clients wait until one does, or its .socket unit is stopped",
                name_of_passed(held));
    }
}
