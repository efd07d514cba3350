/*
 * One socket on its way to one address of a server.
 */
#ifndef NET_CONNECTOR_ATTEMPT_H
#define NET_CONNECTOR_ATTEMPT_H

#include <event2/event_struct.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "net/connector_result.h"

struct address;
struct connector_attempt;
struct connector_memory;
struct event_base;
struct service_config;

/* What the attempts of a connector share; outlives them. */
struct connector_attempts {
    struct event_base *base;
    struct connector_memory *memory;
    const struct service_config *service; /* whose options the socket has */

    /* As connector.h has it; never NULL. */
    bool (*returns)(void *arg, const struct address *to,
        const struct address *from);

    /* Runs once, from the loop, for an attempt that waited: it is over, and if it
     * failed has no socket any more.  May drop it. */
    void (*ended)(void *arg, struct connector_attempt *attempt,
        enum connector_result result);
    void *arg;
};

struct connector_attempt {
    const struct connector_attempts *shared;
    const struct address *to; /* borrowed */
    struct event ready;
    uint64_t since_ms;
    int fd; /* -1: none */
};

enum connector_attempt_state {
    ATTEMPT_WAITS,
    ATTEMPT_CONNECTED,
    ATTEMPT_FAILED,
    ATTEMPT_SHORT, /* something is short here that may be there soon */
};

/* No attempt yet: what the other functions begin with. */
void connector_attempt_init(
    struct connector_attempt *attempt, const struct connector_attempts *shared);

/* Begins to connect to `to`, which must stay until the attempt is over.
 * `*result` says why it is FAILED or SHORT; such an attempt has no socket. */
NODISCARD enum connector_attempt_state connector_attempt_begin(
    struct connector_attempt *attempt, const struct address *to,
    enum connector_result *result);

/* After how many milliseconds to try again what is short: a unix socket's
 * backlog (CONNECTOR_TIMEOUT), or descriptors, memory or ports. */
uint64_t connector_attempt_retry_ms(enum connector_result result);

/* Whether it waits so long already that its address is a silent one. */
bool connector_attempt_is_silent(
    const struct connector_attempt *attempt, uint64_t now_ms);

/* The socket of an attempt that has connected: the caller's from now on. */
NODISCARD int connector_attempt_release(struct connector_attempt *attempt);

/* Closes the socket, if there is one; `ended` will not run. */
void connector_attempt_drop(struct connector_attempt *attempt);

#endif
