/*
 * Makes an endpoint's listening sockets, for listener.c.
 */
#ifndef NET_LISTENER_BIND_H
#define NET_LISTENER_BIND_H

#include <sys/types.h>

#include <stdbool.h>

#include "base/base.h"

struct endpoint;
struct error;
struct leg_config;

struct listener_socket {
    int fd;
    char *text;          /* the address as text */
    const char *service; /* borrowed */
    char *path;          /* a unix socket's path to remove; NULL: none */
    dev_t device;        /* which file that path was when it was made */
    ino_t inode;
};

/* Takes what `socket` holds if it returns true. */
typedef bool listener_bound_fn(void *arg, const struct listener_socket *socket);

/* Calls `bound` for each socket made; see listener_open(). */
NODISCARD bool listener_bind(const char *service,
    const struct endpoint *endpoint, const struct leg_config *leg,
    listener_bound_fn *bound, void *arg, struct error *error);

void listener_socket_close(struct listener_socket *socket);

#endif
