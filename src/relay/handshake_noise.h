/*
 * Clients of a service that speak no TLS worth a line each (port scans, health
 * checks, crawlers), where log_handshake_noise = summary: once in a minute one of
 * them has its line, and how many there were besides is one more.
 */
#ifndef RELAY_HANDSHAKE_NOISE_H
#define RELAY_HANDSHAKE_NOISE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "net/timer.h"
#include "tls/tls_cause.h"

struct event_base;

/* Zero-initialise; stays where it is. */
struct handshake_noise {
    struct timer timer; /* set while no further one is logged */
    const char *service;
    uint64_t left_out[TLS_CAUSE_COUNT];
};

/* Whether a client that fails so has shown nothing by which it could be told from a
 * scan: it came to no certificate. */
bool handshake_noise_is(enum tls_cause cause);

/* True if such a client's end is to be logged; else it is counted.  `service` is the
 * name, and must live as long as `noise`. */
NODISCARD bool handshake_noise_admit(struct handshake_noise *noise,
    struct event_base *base, const char *service, enum tls_cause cause);

/* Tells what is left to be told; nothing comes later. */
void handshake_noise_end(struct handshake_noise *noise);

#endif
