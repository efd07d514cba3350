/*
 * How a connection goes on: from state to state, and within a state at each event
 * of its streams, at its turn, and when its time is over.
 */
#ifndef RELAY_CONN_STEP_H
#define RELAY_CONN_STEP_H

#include <event2/util.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "relay/conn_state.h"

/* What is done on entering a state, on an event of either stream, and when its
 * time is over.  What a handshake does on an event is costly, and stands in line
 * (loop.h). */
struct conn_step {
    void (*enter)(struct conn *);
    void (*wake)(struct conn *);
    void (*expire)(struct conn *);
    bool costly;
};

/* `steps` has CONN_STATE_COUNT of them, and outlives the connection, which has
 * its relay.  False: out of memory. */
NODISCARD bool conn_step_init(
    struct conn *conn, const struct conn_step *steps);

/* Callbacks of both streams; `arg` is the connection. */
void conn_on_client(evutil_socket_t fd, short what, void *arg);
void conn_on_server(evutil_socket_t fd, short what, void *arg);

/* Moves to a state; comes last, for it may end the connection. */
void conn_enter(struct conn *conn, enum conn_state state);

/* Calls the state's `expire` in `delay_ms`; replaces an earlier call. */
void conn_arm(struct conn *conn, uint64_t delay_ms);

void conn_disarm(struct conn *conn);

#endif
