/*
 * Makes the listening sockets of an endpoint: one for each of its addresses, or
 * for TCP several, so that each process has its own and the kernel distributes
 * clients among them (SO_REUSEPORT, socket(7)).
 */
#ifndef NET_LISTENER_BIND_H
#define NET_LISTENER_BIND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "net/listener_socket.h"

struct address;
struct endpoint;
struct error;
struct leg_config;

/* What the caller has already, and where new sockets go. */
struct listener_binder {
    unsigned count;      /* sockets for each TCP address; unix: always one */

    /* False: another endpoint of the same configuration has this address. */
    bool (*claim)(void *arg, const char *text);

    /* Whether a socket is there already. */
    bool (*have)(void *arg, const char *text, unsigned index);

    /* Whether a socket that is there stands for this address and others, or
     * for one of those that it stands for, so that one that must be bound beside
     * it is no sign of a stranger. */
    bool (*overlaps)(void *arg, const struct address *address);

    /* Takes what `socket` holds if it returns true. */
    bool (*bound)(void *arg, const struct listener_socket *socket);

    /* The addresses of a name, up to `room` of them; 0: `*why` says why there
     * are none. */
    size_t (*resolve)(void *arg, const char *host, struct address *addresses,
        size_t room, const char **why);

    void *arg;
};

/* Makes what is not there.  A unix path whose
 * server is gone is taken over, any other that exists is an error; so is a
 * socket that is to be passed and is not there.  Options
 * that accepted sockets inherit (tcp(7)) are set here, once.  What is made at a
 * unix path is its maker's alone, until listener_rights_give().  False: every
 * fault is in `error`. */
NODISCARD bool listener_bind(const char *service,
    const struct endpoint *endpoint, const struct leg_config *leg,
    const struct listener_binder *binder, struct error *error);

/* Gives a socket that is there what the leg asks for now.  A unix path that is
 * gone, or another socket's by now, is left alone.  What cannot be changed is
 * added to `error`. */
void listener_refresh(const struct listener_socket *socket,
    const struct leg_config *leg, struct error *error);

#endif
