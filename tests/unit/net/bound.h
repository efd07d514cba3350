/*
 * Listening sockets, as the program that binds them keeps them.
 */
#ifndef TESTS_NET_BOUND_H
#define TESTS_NET_BOUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/listener_bind.h"

struct error;
struct leg_config;

enum { BOUND_MOST = 12 };

/* All zero: one socket for each address, and nothing refused. */
struct bound {
    struct listener_socket sockets[BOUND_MOST];
    size_t count;
    unsigned each;      /* sockets of a TCP address; 0: one */
    uint16_t own_port;  /* one that may overlap; 0: none */
    bool refuses;       /* each address is another line's */
    bool is_limited;    /* no more sockets than `room` are kept */
    unsigned room;
};

/* Adds the sockets of HOST:PORT (NULL: of `*`), or of a unix path.  The
 * endpoint was written in line 7 of x.ini. */
bool bound_inet(struct bound *bound, const char *host, uint16_t port,
    const struct leg_config *leg, struct error *error);
bool bound_unix(struct bound *bound, char *path, const struct leg_config *leg,
    struct error *error);

/* The descriptor, which is the caller's from now on. */
int bound_release(struct bound *bound, size_t index);

void bound_close(struct bound *bound);

#endif
