/*
 * A listening socket, and the path that was made for it.
 */
#ifndef NET_LISTENER_SOCKET_H
#define NET_LISTENER_SOCKET_H

#include <sys/types.h>

/* How the text begins of a socket that the service manager has passed; behind it
 * is the name that it was given. */
#define LISTENER_PASSED "systemd:"

struct listener_socket {
    int fd;
    unsigned index;      /* among the sockets of its address */
    char *text;          /* the address as text: the same for the same address */
    char *path;          /* a unix socket's path to remove; NULL: none */
    dev_t device;        /* which file that path was when it was made */
    ino_t inode;
};

/* Closes; removes a unix socket's path if it is still this socket's. */
void listener_socket_close(struct listener_socket *socket);

/* The same, but the path stays: another process serves it. */
void listener_socket_leave(struct listener_socket *socket);

#endif
