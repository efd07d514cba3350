#include "systemd/fdstore_name.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "ipc/message.h"
#include "net/listener_bind.h"

#define PREFIX "sallyport,"

static bool
is_plain(char byte)
{
    return byte > ' ' && byte <= '~' && byte != ':' && byte != '%';
}

/* False: no room for it. */
static bool
put_name_byte(char *name, size_t *length, char byte)
{
    size_t room = STORE_NAME_SIZE - *length;
    int added = is_plain(byte)
        ? snprintf(name + *length, room, "%c", byte)
        : snprintf(name + *length, room, "%%%02X", (unsigned char)byte);

    *length += (size_t)added;
    return *length < STORE_NAME_SIZE;
}

bool
fdstore_name_make(
    const struct listener_socket *socket, char name[STORE_NAME_SIZE])
{
    bool has_path = socket->path != NULL;
    size_t length = (size_t)snprintf(name, STORE_NAME_SIZE,
        PREFIX "%u,%" PRIx64 ",%" PRIx64 ",", socket->index,
        has_path ? (uint64_t)socket->device : 0,
        has_path ? (uint64_t)socket->inode : 0);

    for (const char *at = socket->text; *at != '\0'; at++)
        if (!put_name_byte(name, &length, *at))
            return false;
    return true;
}

bool
fdstore_name_is_ours(const char *name)
{
    return strncmp(name, PREFIX, strlen(PREFIX)) == 0;
}

/* Digits up to a comma; `*at` is then behind it. */
static bool
read_name_number(const char **at, int base, uint64_t *number)
{
    static const char digits[] = "0123456789abcdef";
    size_t length = strspn(*at, digits);
    char *end;

    if (length == 0 || length > 16 || (*at)[length] != ',')
        return false;
    *number = strtoull(*at, &end, base);
    if (end != *at + length)
        return false;
    *at = end + 1;
    return true;
}

/* The numbers of a name; the address is said by the socket itself, and has to
 * give the same name again. */
static bool
read_numbers(const char *name, struct listener_socket *socket)
{
    const char *at = name + strlen(PREFIX);
    uint64_t index, device, inode;

    if (!fdstore_name_is_ours(name) || !read_name_number(&at, 10, &index) ||
        !read_name_number(&at, 16, &device) ||
        !read_name_number(&at, 16, &inode) || index >= MESSAGE_SOCKETS_MAX)
        return false;
    socket->index = (unsigned)index;
    socket->device = (dev_t)device;
    socket->inode = (ino_t)inode;
    return true;
}

static bool
is_listening(int fd)
{
    int type = 0, listens = 0;
    socklen_t type_length = sizeof(type), listens_length = sizeof(listens);

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_length) == 0 &&
        type == SOCK_STREAM &&
        getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens,
            &listens_length) == 0 &&
        listens == 1;
}

/* False: out of memory, or what cannot be. */
static bool
read_address(struct listener_socket *socket)
{
    struct sockaddr_storage bound = { .ss_family = AF_UNSPEC };
    const struct sockaddr_un *local = (const struct sockaddr_un *)&bound;
    socklen_t length = sizeof(bound);
    size_t before = offsetof(struct sockaddr_un, sun_path);
    char text[ADDRESS_TEXT_SIZE];

    if (getsockname(socket->fd, (struct sockaddr *)&bound, &length) < 0 ||
        length > sizeof(bound))
        return false;
    address_format((const struct sockaddr *)&bound, length, text);
    socket->text = strdup(text);
    if (bound.ss_family != AF_UNIX || length <= before ||
        local->sun_path[0] != '/')
        return socket->text != NULL;
    socket->path = strndup(local->sun_path, length - before);
    return socket->text != NULL && socket->path != NULL;
}

static bool
is_at_path(const struct listener_socket *socket)
{
    struct stat file;

    return socket->path == NULL ||
        (lstat(socket->path, &file) == 0 && S_ISSOCK(file.st_mode) &&
            file.st_dev == socket->device && file.st_ino == socket->inode);
}

bool
fdstore_name_read(const char *name, int fd, struct listener_socket *socket)
{
    char again[STORE_NAME_SIZE];

    *socket = (struct listener_socket){ .fd = fd };
    if (read_numbers(name, socket) && is_listening(fd) &&
        read_address(socket) && fdstore_name_make(socket, again) &&
        strcmp(name, again) == 0 && is_at_path(socket))
        return true;
    socket->fd = -1;
    listener_socket_leave(socket);
    return false;
}
