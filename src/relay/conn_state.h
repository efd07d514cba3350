/*
 * What is known of a connection, for the files that make it up: conn.h has what
 * others see of it.
 */
#ifndef RELAY_CONN_STATE_H
#define RELAY_CONN_STATE_H

#include <netinet/in.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <stdbool.h>
#include <stdint.h>

#include "net/loop.h"
#include "net/stream.h"
#include "net/timer.h"
#include "relay/conn_reason.h"
#include "relay/flow.h"
#include "tls/tls_cause.h"

struct conn_sniff;
struct conn_step;
struct connector;
struct endpoint;
struct relay;
struct service;

enum conn_state {
    CONN_START,
    CONN_SNIFF, /* its address is shared: what it says tells which service */
    CONN_ACCEPT_TLS,
    CONN_CONNECT,
    CONN_CONNECT_TLS,
    CONN_RELAY,
    CONN_ABORT,  /* what was read is delivered, then both legs are reset */
    CONN_LINGER, /* a last alert is out; the peer gets the time to read it */
    CONN_STATE_COUNT,
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
    enum tls_cause cause;
    enum conn_state reached;
    const struct endpoint *endpoint;
    union conn_address address;
    char detail[512];
};

struct conn {
    LIST_ENTRY(conn) entry;
    const struct conn_step *steps; /* what each state does */
    struct relay *relay;
    struct service *service;
    struct conn_sniff *sniff; /* CONN_SNIFF: conn_sniff.c's; else NULL */
    uint64_t acceptor;                     /* acceptor_id(); it may be closed */
    unsigned changes;                  /* relay->changes when it was chosen */
    struct connector *connector;       /* while connecting, and on while other
                                          servers could be tried */
    const struct endpoint *endpoint;   /* the server's; NULL: none yet */
    struct stream client;
    struct stream server;
    struct flow up;   /* client to server */
    struct flow down; /* server to client */
    struct timer timer;
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
    enum tls_cause cause;    /* the same, where TLS has failed */
    uint32_t poll_ms;        /* CONN_ABORT: how long to the next look */
    uint32_t idle_wakes;     /* CONN_RELAY: in a row that moved nothing */
    uint32_t lingered;       /* CONN_LINGER, CONN_ABORT: bytes thrown away */
    bool up_ready;           /* CONN_RELAY: what woke us concerns this flow */
    bool down_ready;
    uint8_t spoke_last; /* CONN_RELAY: of enum conn_spoke; 0: neither */
    uint8_t spoke_now;  /* the same, in this wake-up */
    bool client_stirs; /* while connecting: its socket was ready for something */
    bool client_first; /* the client's direction ended first */
    bool server_failed; /* CONN_TLS_FAILED: on the server's leg */
    bool server_silent; /* it accepted, and said nothing for too long */
};

/* A word for the log. */
const char *conn_state_name(enum conn_state state);

/* Whether the connection, which has ended, reached no server, or no TLS with
 * it. */
bool conn_is_connect_failure(const struct conn *conn);

/* Whether it is the server with which TLS failed, where it did. */
bool conn_failed_with_server(const struct conn *conn);

/* Keeps a copy of `detail` (NULL: nothing) for the log, unless there is one. */
void conn_explain(struct conn *conn, const char *detail);

/* The same, with the words "with the client:" or "with the server:".  Names in
 * `what` are escaped, as they are in the text of a failed handshake; the log does
 * that, so that it is taken back here. */
void conn_explain_side(
    struct conn *conn, const struct stream *stream, const char *what);

void conn_keep_address(union conn_address *kept,
    const struct sockaddr *address, socklen_t length);

#endif
