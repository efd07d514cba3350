/*
 * The inside of a connector, for the files that make it up: connector.c (which
 * endpoint, which address, when) and connector_attempt.c (one socket each).
 */
#ifndef NET_CONNECTOR_INTERNAL_H
#define NET_CONNECTOR_INTERNAL_H

#include <event2/event.h>
#include <event2/event_struct.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "net/connector.h"

struct resolver_query;

enum { ATTEMPTS_MOST = 4 }; /* at once; then the oldest is given up */

enum target_state {
    TARGET_NEW,
    TARGET_TRYING,
    TARGET_LATER, /* something was short here: to be tried again */
    TARGET_USED,  /* failed, or was connected to */
};

struct attempt {
    struct connector *connector;
    struct event ready;
    uint64_t since_ms;
    size_t target;
    int fd; /* -1: none */
};

struct connector {
    struct connector_spec spec;
    struct connector **handle;
    struct resolver_query *query;
    size_t endpoint;           /* which one is being tried */
    struct address *addresses; /* of that endpoint */
    uint8_t *states;           /* of these; enum target_state */
    size_t count, won;
    struct address only; /* `addresses`, where there can be but one */
    uint8_t only_state;
    uint64_t deadline_ms;      /* of that endpoint */
    uint64_t retry_ms;         /* until what is to be tried later */
    uint64_t put_off;          /* one bit for each endpoint: silent lately */
    bool second_round;         /* ... which are tried now */
    enum connector_result later; /* why something is tried later */
    struct event timer;
    struct attempt attempts[ATTEMPTS_MOST];

    /* The last failure. */
    enum connector_result result;
    size_t failed_endpoint;
    struct address failed_address; /* length 0: none */
};

static inline const struct endpoint *
connector_endpoint(const struct connector *connector, size_t index)
{
    return &connector->spec.service->connect.items[index];
}

/* connector.c */

/* The first target in that state; `count` if there is none. */
size_t connector_find_target(
    const struct connector *connector, enum target_state state);
bool connector_has_target(
    const struct connector *connector, enum target_state state);

/* Whether an endpoint is left behind the one that is being tried. */
bool connector_has_more_endpoints(const struct connector *connector);

/* Sets the timer for what comes next. */
void connector_schedule(struct connector *connector);

/* Tries what comes next, until there is something to wait for.  Comes last: it
 * may finish the connector. */
void connector_go_on(struct connector *connector);

/* connector_attempt.c */

/* Keeps and tells what failed.  `address` NULL: none is known. */
void connector_note_failure(struct connector *connector,
    enum connector_result why, const struct address *address);

/* The address accepts nothing, or accepts and lets us wait. */
void connector_remember_silent(
    struct connector *connector, const struct address *address);

void connector_fail_target(
    struct connector *connector, size_t target, enum connector_result why);
void connector_fail_attempt(
    struct attempt *attempt, enum connector_result why);
void connector_drop_attempt(struct attempt *attempt);

/* True: it waits, or the connector has finished and may be gone. */
NODISCARD bool connector_try_target(
    struct connector *connector, size_t target);

#endif
