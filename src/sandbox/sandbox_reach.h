/*
 * Where a process may connect to, and what it may listen at.
 */
#ifndef SANDBOX_SANDBOX_REACH_H
#define SANDBOX_SANDBOX_REACH_H

#include <stdbool.h>
#include <stdint.h>

struct config;

/* Where a process may connect to.  Both ways of confining only ever take away,
 * so it is fixed for the life of a process. */
struct sandbox_reach {
    bool anywhere;         /* to all ports; the rest is set too */
    uint8_t ports[(UINT16_MAX + 1) / 8]; /* of TCP servers, one bit each */
    bool unix_sockets;     /* of others, by path or name */
    bool abstract_sockets; /* unix:@NAME of others */
    bool zones;            /* fe80::1%eth0: an interface's number is asked for */

    /* The trial's. */
    const struct config *listens; /* it binds what this listens at, and nothing
                                   * else; NULL: nothing */
    bool listens_at_paths;        /* at unix:PATH */
};

/* Adds what a worker needs for the configuration. */
void sandbox_reach_add(
    struct sandbox_reach *reach, const struct config *config);

/* What a worker needs for the configuration, and no more. */
void sandbox_reach_of(
    const struct config *config, struct sandbox_reach *reach);

/* What a worker may need for any configuration. */
void sandbox_reach_anywhere(struct sandbox_reach *reach);

/* What the trial of `config`, which must outlive it, needs to bind: it connects
 * to nothing but dead unix sockets in its way. */
void sandbox_reach_of_trial(
    const struct config *config, struct sandbox_reach *reach);

/* True if there is any TCP server in it. */
bool sandbox_reach_has_ports(const struct sandbox_reach *reach);

#endif
