#include "ipc/message_socket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/address.h"
#include "ipc/channel.h"
#include "net/listen_table.h"

/* A formatted address and a path, each with its NUL. */
enum { TEXT_MAX = 2 * ADDRESS_TEXT_SIZE };

void
message_socket_send(struct channel *channel, enum message_type type,
    const struct listen_socket *held, const struct socket_use *use, bool serve)
{
    const struct listener_socket *socket = &held->socket;
    const struct message_socket fixed = {
        .id = held->id,
        .device = socket->device,
        .inode = socket->inode,
        .index = socket->index,
        .service = use->service,
        .tls = use->tls,
        .endpoint = (uint16_t)use->endpoint,
        .serve = serve,
    };
    char text[TEXT_MAX];
    int length = snprintf(text, sizeof(text), "%s%c%s", socket->text, '\0',
        socket->path != NULL ? socket->path : "");

    channel_send(channel, type, &fixed, text, (size_t)length + 1,
        &socket->fd, message_info(type)->fds);
}

bool
message_socket_read(const struct message *message, int fd,
    struct listener_socket *socket, struct socket_use *use)
{
    const struct message_socket *fixed = message->payload;
    const char *path = message_socket_path(message);

    *socket = (struct listener_socket){
        .fd = fd,
        .index = fixed->index,
        .text = strdup(message->text),
        .path = *path != '\0' ? strdup(path) : NULL,
        .device = fixed->device,
        .inode = fixed->inode,
    };
    *use = (struct socket_use){
        .service = fixed->service,
        .endpoint = fixed->endpoint,
        .tls = fixed->tls != 0,
    };
    if (socket->text != NULL && (*path == '\0' || socket->path != NULL))
        return true;
    free(socket->text);
    free(socket->path);
    return false;
}
