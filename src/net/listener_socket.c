#include "net/listener_socket.h"

#include <sys/stat.h>

#include <stdlib.h>
#include <unistd.h>

void
listener_socket_leave(struct listener_socket *socket)
{
    if (socket->fd >= 0)
        close(socket->fd);
    free(socket->path);
    free(socket->text);
    *socket = (struct listener_socket){ .fd = -1 };
}

void
listener_socket_close(struct listener_socket *socket)
{
    struct stat now;

    if (socket->path != NULL && lstat(socket->path, &now) == 0 &&
        now.st_dev == socket->device && now.st_ino == socket->inode)
        unlink(socket->path);
    listener_socket_leave(socket);
}
