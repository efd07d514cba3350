/*
 * Free ports of the loopback addresses, for the demo.
 */
#ifndef CLI_DEMO_PORT_H
#define CLI_DEMO_PORT_H

#include <sys/socket.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

struct error;

/* A port that is bound, but not listened on, for as long as it takes to start
 * a listener there, which SO_REUSEADDR lets in and other programs out. */
struct demo_port {
    int fds[2]; /* of 127.0.0.1 and ::1; -1: there is no IPv6 */
    uint16_t number;
};

/* Binds a new non-blocking socket to `port` (0: any) of the family's loopback
 * address; `*bound` is the port it got.  -1: errno says why. */
NODISCARD int demo_port_open(int family, uint16_t port, uint16_t *bound);

/* Finds a port that is free on both loopback addresses.  False: the reason is
 * in `error`. */
NODISCARD bool demo_port_reserve(struct demo_port *port, struct error *error);
void demo_port_release(struct demo_port *port);

#endif
