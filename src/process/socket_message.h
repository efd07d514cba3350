/*
 * A listening socket on its way from one process to another.
 */
#ifndef PROCESS_SOCKET_MESSAGE_H
#define PROCESS_SOCKET_MESSAGE_H

#include <stdbool.h>

#include "base/base.h"
#include "process/message.h"

struct channel;
struct held_socket;
struct listener_socket;
struct socket_use;

/* Sends the socket and what it is used for; `serve` false: it is given up, and
 * is to be closed when its queue is empty. */
void socket_message_send(struct channel *channel, enum message_type type,
    const struct held_socket *held, const struct socket_use *use, bool serve);

/* Makes `*socket` of a message, with `fd`, which it takes.  The texts are
 * copied.  False: out of memory, nothing taken. */
NODISCARD bool socket_message_read(const struct message *message, int fd,
    struct listener_socket *socket, struct socket_use *use);

#endif
