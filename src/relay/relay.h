/*
 * What all connections of one worker share.
 */
#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/pipe_pool.h"

struct address;
struct board;
struct conn;
struct door;
struct loop;
struct resolver;
struct service;

struct relay {
    struct loop *loop;
    struct resolver *resolver;
    struct pipe_pool pipes;
    struct board *board;
    unsigned slot; /* ours on the board */
    struct service **services;
    size_t service_count;
    struct door *doors; /* that are open */
    struct conn *conns;
    size_t connections; /* of this process */
    size_t max_connections;    /* of all processes */
    uint64_t drain_timeout_ms; /* for the last bytes of an aborted connection */
    bool paused;               /* at max_connections */
    bool draining;             /* accepting has ended */

    /* Each may be NULL, none may close a door.  `began` runs with each
     * connection, `ended` after its end. */
    void (*began)(void *arg);
    void (*ended)(void *arg);

    /* Has the process of that slot call limits_recheck().  A word may only get
     * lost if its reader is gone, or will read another one. */
    void (*wake)(void *arg, unsigned slot);

    /* Sends a copy of `fd`, which stays the caller's, to the process of that
     * slot, which calls door_take() with door_service(door)->index as it is
     * now and the client's address.  False: it could not. */
    bool (*hand_over)(void *arg, unsigned slot, struct door *door, int fd,
        const struct address *client);
    void *arg;
};

#endif
