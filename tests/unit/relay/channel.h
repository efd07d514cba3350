/*
 * A flow between two streams, with a test at both far ends: what it sends into
 * `in` is to come out of `out`.
 */
#ifndef TESTS_RELAY_CHANNEL_H
#define TESTS_RELAY_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/stream.h"
#include "relay/flow.h"
#include "relay/pipe_pool.h"

enum channel_mode { CHANNEL_COPIES, CHANNEL_SPLICES, CHANNEL_MODES };

struct channel {
    struct loop *loop;
    struct pipe_pool pool;
    struct stream from;
    struct stream to;
    struct flow flow;
    enum channel_mode mode;
    int in;  /* -1: closed */
    int out; /* -1: closed */
    uint64_t sent;
    uint64_t received;
    bool corrupt; /* other bytes came out than had gone in */
};

extern const char *const channel_modes[CHANNEL_MODES];

/* Both connections are what `make` makes (wire.h).  The sink's buffers are
 * small if `narrow`, so that little fits between the flow and the test. */
void channel_open(struct channel *channel, enum channel_mode mode,
    void (*make)(int fds[2]), bool narrow);
void channel_close(struct channel *channel);

/* Sends the next `size` bytes, as far as they fit; returns how many did. */
size_t channel_send(struct channel *channel, size_t size);

/* Receives what is there, and checks it. */
size_t channel_receive(struct channel *channel);

/* Runs the flow until it waits for something else than its turn. */
enum flow_wait channel_run(struct channel *channel);

/* Sends and runs until the sink takes no more, or the flow is over. */
enum flow_wait channel_block(struct channel *channel);

/* Both connections hold megabytes (unix only); false: see wire_widen(). */
bool channel_widen(struct channel *channel);

/* Receives and runs until the flow waits for input or for nothing, and all is
 * here. */
enum flow_wait channel_finish(struct channel *channel);

#endif
