/*
 * Listening sockets: bound at start, then accepting without ever spinning.
 *
 * Out of descriptors or memory, accepting pauses for a moment and tries again;
 * the connections wait in the kernel's queue meanwhile.
 */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include <sys/socket.h>

#include <stdbool.h>

#include "base/base.h"

struct endpoint;
struct error;
struct leg_config;
struct listener;
struct loop;

/* One endpoint's listening sockets: `*` and names may stand for several. */
struct listener_set {
    struct listener **items;
    size_t count;
};

/* Takes `fd`, a non-blocking socket; may pause the listener. */
typedef void listener_accept_fn(
    void *arg, int fd, const struct sockaddr *peer, socklen_t length);

/* Binds and listens on every address of `endpoint` and adds the sockets to
 * `set`.  May block (it resolves a name): for start-up only.  Options that
 * accepted sockets inherit (tcp(7)) are set here, once.  A unix path whose
 * server is gone is taken over, any other that exists is an error. */
NODISCARD bool listener_open(struct listener_set *set, const char *service,
    const struct endpoint *endpoint, const struct leg_config *leg,
    struct error *error);

/* Begins to call `accepted`. */
void listener_start(struct listener *listener, struct loop *loop,
    listener_accept_fn *accepted, void *arg);

/* Stops and goes on accepting; clients wait in the kernel's queue. */
void listener_pause(struct listener *listener);
void listener_resume(struct listener *listener);

/* The address it is bound to, as text. */
const char *listener_address(const struct listener *listener);

/* Closes all; removes a unix socket's path if it is still this listener's. */
void listener_set_free(struct listener_set *set);

#endif
