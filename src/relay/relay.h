/*
 * What all connections of one worker share.
 */
#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relay/pipe_pool.h"

struct conn;
struct loop;
struct resolver;
struct service;

struct relay {
    struct loop *loop;
    struct resolver *resolver;
    struct pipe_pool pipes;
    struct service **services;
    size_t service_count;
    struct conn *conns;
    size_t connections;
    size_t max_connections;
    uint64_t drain_timeout_ms; /* for the last bytes of an aborted connection */
    uint64_t limit_logged_ms;  /* when reaching a limit was last logged */
    bool paused;               /* at max_connections */
    bool draining;             /* accepting has ended */

    /* Runs after each connection's end; may be NULL. */
    void (*ended)(void *arg);
    void *arg;
};

#endif
