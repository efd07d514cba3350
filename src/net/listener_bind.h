/*
 * Makes an endpoint's listening sockets.
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

/* Binds and listens on every address of `endpoint` and calls `bound` for each
 * socket made.  May block (it resolves a name): for start-up only.  Options
 * that accepted sockets inherit (tcp(7)) are set here, once.  A unix path whose
 * server is gone is taken over, any other that exists is an error. */
NODISCARD bool listener_bind(const char *service,
    const struct endpoint *endpoint, const struct leg_config *leg,
    listener_bound_fn *bound, void *arg, struct error *error);

void listener_socket_close(struct listener_socket *socket);

#endif
