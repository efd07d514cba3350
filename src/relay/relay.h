/*
 * What all connections of one worker share.
 */
#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/connector.h"
#include "net/ticker.h"
#include "net/timer.h"
#include "relay/pipe_pool.h"

struct address;
struct scoreboard;
struct conn;
struct acceptor;
struct farewell;
struct limit_waiter;
struct limits_handed;
struct loop;
struct resolver;
struct service;
struct shares;
struct tls_shared;

struct relay {
    struct loop *loop;
    struct resolver *resolver;
    struct pipe_pool pipes;
    struct connector_memory connecting;
    struct scoreboard *board;
    unsigned slot; /* ours on the scoreboard */
    struct tls_shared *shared; /* of the services' contexts; NULL: none */
    struct service **services;
    size_t service_count;
    struct shares *shares; /* of the services; NULL: none */
    unsigned changes;   /* how often `services` were replaced */
    LIST_HEAD(, acceptor) acceptors; /* that are open */
    uint64_t acceptor_ports[1024]; /* one bit for each port that any had */
    LIST_HEAD(, conn) conns; /* the youngest first */
    struct ticker aging; /* conn_keepalive.c's: runs while one is young */
    uint64_t aged_ms;    /* and has seen to those that began until then */
    LIST_HEAD(, farewell) farewells;
    unsigned farewell_count;
    size_t connections; /* of this process */
    size_t max_connections;    /* of all processes */
    unsigned workers;          /* that share them; 0 as 1 */
    LIST_HEAD(, limit_waiter) waiters; /* limits.c's: for room */
    uint64_t drain_timeout_ms; /* for the last bytes of an aborted connection */
    bool paused;               /* at max_connections */
    bool draining;             /* accepting has ended */
    struct timer look_again;   /* limits.c's; not open: never paused */
    struct limits_handed *handed; /* limits_handed.c's; NULL: nothing ever */
    uint64_t accepted;         /* at acceptors of this process */

    /* Each may be NULL, none may close an acceptor.  `began` runs with each
     * connection, `ended` after its end. */
    void (*began)(void *arg);
    void (*ended)(void *arg);

    /* Has the process of that slot call limits_recheck().  A word may only get
     * lost if its reader is gone, or will read another one. */
    void (*wake)(void *arg, unsigned slot);

    /* Sends a copy of `fd`, which stays the caller's, to the process of that
     * slot, which calls limits_take() and, once limits_handed() is called here
     * or on its way, acceptor_take() with acceptor_service(acceptor)->index as
     * it is now and the client's address.  False: it could not. */
    bool (*hand_over)(void *arg, unsigned slot, struct acceptor *acceptor,
        int fd, const struct address *client);
    void *arg;
};

#endif
