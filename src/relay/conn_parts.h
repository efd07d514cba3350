/*
 * The inside of a connection, for the files that make it up: conn.c (its
 * states), conn_relay.c (relaying, and ending badly), conn_report.c (its line
 * in the log).
 */
#ifndef RELAY_CONN_PARTS_H
#define RELAY_CONN_PARTS_H

#include <event2/event_struct.h>
#include <netinet/in.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "net/loop.h"
#include "net/stream.h"
#include "relay/conn_reason.h"
#include "relay/flow.h"

struct connector;
struct relay;
struct service;

enum conn_state {
    CONN_START,
    CONN_ACCEPT_TLS,
    CONN_CONNECT,
    CONN_CONNECT_TLS,
    CONN_RELAY,
    CONN_ABORT,  /* what was read is delivered, then both legs are reset */
    CONN_LINGER, /* a last alert is out; the peer gets the time to read it */
};

/* Kept for the log, so small: a unix peer has no name worth keeping. */
union conn_address {
    sa_family_t family; /* 0: not known */
    struct sockaddr address;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

struct conn {
    struct conn *next;
    struct conn **link; /* what points to this connection */
    struct relay *relay;
    struct service *service;
    struct connector *connector;       /* while connecting */
    const struct endpoint *endpoint;   /* the server's; NULL: none yet */
    struct stream client;
    struct stream server;
    struct flow up;   /* client to server */
    struct flow down; /* server to client */
    struct event timer;
    struct loop_task task; /* for work put off to the next turn */
    uint64_t started_ms;
    uint64_t active_ms;   /* when bytes last moved, or could have */
    uint64_t deadline_ms; /* of the state; CONN_RELAY reckons its own */
    union conn_address client_address;
    union conn_address server_address;
    char *detail; /* more than the reason says; NULL: nothing */
    enum conn_state state;
    enum conn_state reached; /* before it began to end */
    enum conn_reason reason; /* once the end has begun */
    uint32_t poll_ms;        /* CONN_ABORT: how long to the next look */
    uint32_t lingered;       /* CONN_LINGER: bytes thrown away */
    bool up_ready;           /* CONN_RELAY: what woke us concerns this flow */
    bool down_ready;
    bool client_first; /* the client's direction ended first */
};

/* Moves to a state; comes last, for it may end the connection. */
void conn_enter(struct conn *conn, enum conn_state state);

/* Logs, closes what is open (with a reset unless the end is clean), frees. */
void conn_end(struct conn *conn, enum conn_reason reason);

/* Ends, but first has the peer of `stream` read what was sent to it. */
void conn_linger(
    struct conn *conn, struct stream *stream, enum conn_reason reason);

/* Ends after what was read has been delivered, or the drain timeout. */
void conn_abort(struct conn *conn, enum conn_reason reason);

/* Calls the state's `expire` in `delay_ms`; replaces an earlier call. */
void conn_arm(struct conn *conn, uint64_t delay_ms);

void conn_disarm(struct conn *conn);

/* Keeps a copy of `detail` (NULL: nothing) for the log, unless there is one. */
void conn_explain(struct conn *conn, const char *detail);

/* The same, with the words "with the client:" or "with the server:". */
void conn_explain_side(
    struct conn *conn, const struct stream *stream, const char *what);

const char *conn_state_name(enum conn_state state);

/* conn_relay.c: what the states CONN_RELAY and CONN_ABORT do. */
void conn_relay_enter(struct conn *conn);
void conn_relay_wake(struct conn *conn);
void conn_relay_expire(struct conn *conn);
void conn_abort_step(struct conn *conn);

/* conn_report.c: its lines in the log. */
void conn_report_state(const struct conn *conn, enum conn_state next);
void conn_report_end(const struct conn *conn);

#endif
