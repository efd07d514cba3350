/*
 * How often a process warns that a service's connections reach no server: once
 * in ten seconds, and at their end it tells how many there were besides.
 */
#ifndef RELAY_CONNECT_WARNINGS_H
#define RELAY_CONNECT_WARNINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "net/timer.h"

struct event_base;

/* Zero-initialise; stays where it is. */
struct connect_warnings {
    struct timer timer; /* set while no further one may be logged */
    const char *service;
    uint64_t left_out;
};

/* True if a connection's end is to be logged as a warning; else it is counted.
 * `service` is the name, and must live as long as `warnings`. */
NODISCARD bool connect_warnings_admit(struct connect_warnings *warnings,
    struct event_base *base, const char *service);

/* Tells what is left to be told; nothing comes later. */
void connect_warnings_end(struct connect_warnings *warnings);

#endif
