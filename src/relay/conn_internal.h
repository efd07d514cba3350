/*
 * The inside of a connection, for the files that make it up: conn.c (its
 * states), conn_connect.c (reaching a server), conn_follow.c (its service after a
 * reload), conn_relay.c (relaying), conn_keepalive.c (keepalive towards its
 * server), conn_abort.c (ending badly), conn_report.c (its line in the log).
 */
#ifndef RELAY_CONN_INTERNAL_H
#define RELAY_CONN_INTERNAL_H

#include <event2/event_struct.h>
#include <netinet/in.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
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

/* Which sides' payload was read last.  Both: in one wake-up, so that their order
 * is not known. */
enum conn_spoke { SPOKE_CLIENT = 1, SPOKE_SERVER = 2 };

/* Kept for the log, so small: a unix peer has no name worth keeping. */
union conn_address {
    sa_family_t family; /* 0: not known */
    struct sockaddr address;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

/* A server that was reached and failed in TLS says more than a further address
 * that refuses: the end line is about the former. */
struct conn_tls_failure {
    enum conn_reason reason;
    enum conn_state reached;
    const struct endpoint *endpoint;
    union conn_address address;
    char detail[512];
};

struct conn {
    struct conn *next;
    struct conn **link; /* what points to this connection */
    struct relay *relay;
    struct service *service;
    uint64_t acceptor;                     /* acceptor_id(); it may be closed */
    unsigned changes;                  /* relay->changes when it was chosen */
    struct connector *connector;       /* while connecting, and on while other
                                          servers could be tried */
    const struct endpoint *endpoint;   /* the server's; NULL: none yet */
    struct stream client;
    struct stream server;
    struct flow up;   /* client to server */
    struct flow down; /* server to client */
    struct event timer;
    struct stream *alerted; /* CONN_ABORT: its TLS failed; NULL: neither's */
    struct loop_task task; /* for work put off to the next turn */
    uint64_t started_ms;
    uint64_t active_ms; /* CONN_RELAY: when payload or an end last moved */
    uint64_t linger_ms;   /* CONN_ABORT: until when `alerted` stays */
    uint64_t deadline_ms; /* of the state; CONN_RELAY reckons its own */
    union conn_address client_address;
    union conn_address server_address;
    char *detail; /* more than the reason says; NULL: nothing */
    char *failed; /* servers that were given up, and why; NULL: none */
    struct conn_tls_failure *tls_failure; /* the first of a server; NULL: none */
    unsigned failures; /* how many these are */
    enum conn_state state;
    enum conn_state reached; /* before it began to end */
    enum conn_reason reason; /* once the end has begun */
    uint32_t poll_ms;        /* CONN_ABORT: how long to the next look */
    uint32_t idle_wakes;     /* CONN_RELAY: in a row that moved nothing */
    uint32_t lingered;       /* CONN_LINGER, CONN_ABORT: bytes thrown away */
    bool up_ready;           /* CONN_RELAY: what woke us concerns this flow */
    bool down_ready;
    uint8_t spoke_last; /* CONN_RELAY: of enum conn_spoke; 0: neither */
    uint8_t spoke_now;  /* the same, in this wake-up */
    bool client_stirs; /* while connecting: its socket was ready for something */
    bool client_first; /* the client's direction ended first */
    bool server_silent; /* it accepted, and said nothing for too long */
};

/* Moves to a state; comes last, for it may end the connection. */
void conn_enter(struct conn *conn, enum conn_state state);

/* Logs, closes what is open (with a reset unless the end is clean), frees. */
void conn_end(struct conn *conn, enum conn_reason reason);

/* Ends, but first has the peer of `stream` read what was sent to it. */
void conn_linger(
    struct conn *conn, struct stream *stream, enum conn_reason reason);

/* Throws away what the peer still sends: unread, it would make the kernel reset
 * the connection.  False: the peer has closed, or sends without end. */
bool conn_discard_input(struct conn *conn, struct stream *stream);

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

/* One step of a handshake on either leg.  True: it is done; false: it goes on,
 * or it failed and the connection has moved on or is gone. */
NODISCARD bool conn_handshake(struct conn *conn, struct stream *stream);

/* conn_connect.c: what the states CONN_CONNECT and CONN_CONNECT_TLS do. */
void conn_connect_enter(struct conn *conn);
void conn_connect_wake(struct conn *conn);
void conn_connect_tls_enter(struct conn *conn);
void conn_connect_tls_wake(struct conn *conn);
void conn_connect_expire(struct conn *conn);

/* Gives the server up, to which no byte of the client's has gone, and goes on to
 * the next one.  `silent`: it let us wait.  False: there is no other. */
NODISCARD bool conn_try_next(
    struct conn *conn, const char *why, bool silent);

/* While another server could be tried: false if this one has failed before a byte
 * went either way, and the connection has gone on without it. */
NODISCARD bool conn_keeps_server(struct conn *conn);

/* True while no byte, nor an end, has gone from one side to the other. */
bool conn_is_untouched(const struct conn *conn);

/* What the server's socket can do now, EV_READ or EV_WRITE. */
void conn_wake_by_server(struct conn *conn, short what);

void conn_keep_address(union conn_address *kept,
    const struct sockaddr *address, socklen_t length);

const char *conn_state_name(enum conn_state state);

/* conn_follow.c: has the connection served by what is active now behind its
 * acceptor, or bears its service's name; by its own where there is neither. */
void conn_follow_reload(struct conn *conn);

/* conn_keepalive.c: sees to the keepalive of the server's socket, now that the
 * connection relays. */
void conn_keepalive_begin(const struct conn *conn);

/* conn_relay.c and conn_abort.c: what CONN_RELAY and CONN_ABORT do. */
void conn_relay_enter(struct conn *conn);
void conn_relay_wake(struct conn *conn);
void conn_relay_expire(struct conn *conn);
void conn_abort_step(struct conn *conn);

/* True while nothing is watched and a timer goes on, because many wake-ups have
 * moved nothing. */
bool conn_relay_is_resting(const struct conn *conn);

/* conn_report.c: its lines in the log. */
const char *conn_report_server(
    const struct conn *conn, char text[ADDRESS_TEXT_SIZE]);
void conn_report_state(const struct conn *conn, enum conn_state next);
void conn_report_end(const struct conn *conn);

#endif
