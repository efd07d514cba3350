/*
 * A listening socket on its way from one process to another.
 */
#ifndef IPC_MESSAGE_SOCKET_H
#define IPC_MESSAGE_SOCKET_H

#include <stdbool.h>

#include "base/base.h"
#include "ipc/message.h"

struct channel;
struct listen_socket;
struct listener_socket;
struct socket_use;

/* Sends the socket, if the type comes with it, and what it is used for; `serve`
 * false: it is given up, and is to be closed when its queue is empty. */
void message_socket_send(struct channel *channel, enum message_type type,
    const struct listen_socket *held, const struct socket_use *use, bool serve);

/* Makes `*socket` of a message, with `fd` (-1: none), which it takes.  The
 * texts are copied.  False: out of memory, nothing taken. */
NODISCARD bool message_socket_read(const struct message *message, int fd,
    struct listener_socket *socket, struct socket_use *use);

#endif
