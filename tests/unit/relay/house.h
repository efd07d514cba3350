/*
 * Several workers in one process, with one loop and one board: what they send
 * each other arrives at once.
 */
#ifndef TESTS_RELAY_HOUSE_H
#define TESTS_RELAY_HOUSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "relay/relay.h"

enum { HOUSE_WORKERS = 3, HOUSE_SERVICES = 2, HOUSE_CLIENTS = 64 };

struct house_worker {
    struct relay relay;
    struct house *house;
    unsigned woken;
};

struct house {
    struct loop *loop;
    struct scoreboard *board;
    struct house_worker workers[HOUSE_WORKERS];
    struct endpoint to; /* a server that lets all wait */
    struct service_config services[HOUSE_SERVICES];
    struct config config;
    struct service **made;
    int listening; /* the server's */
    int acceptor;      /* a listening socket that acceptors may share */
    uint16_t port; /* of it */
    int clients[HOUSE_CLIENTS];
    size_t client_count;
    bool deaf; /* nothing can be handed over */
};

/* `most`: for all workers; `each`: for each service, 0: without limit. */
void house_open(struct house *house, size_t most, unsigned each);
void house_close(struct house *house);

/* A copy of the shared socket, for an acceptor. */
int house_socket(const struct house *house);

/* Opens an acceptor of that worker for that service, at the shared socket. */
struct acceptor *house_door(struct house *house, size_t worker, size_t service);

/* Clients that come to the shared socket. */
void house_dial(struct house *house, size_t count);

/* That client leaves with a reset. */
void house_hang_up(struct house *house, size_t client);

/* Turns until so many connections are there and no more come. */
bool house_settles_at(struct house *house, size_t connections);

/* How many there are, as the workers count themselves. */
size_t house_connections(const struct house *house);

#endif
