/*
 * A flow between two streams, with a test at both far ends: what it sends into
 * `in` is to come out of `out`.
 */
#ifndef TESTS_RELAY_DUCT_H
#define TESTS_RELAY_DUCT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/stream.h"
#include "relay/flow.h"
#include "relay/pipe_pool.h"

enum duct_mode { DUCT_COPIES, DUCT_SPLICES, DUCT_MODES };

struct duct {
    struct loop *loop;
    struct pipe_pool pool;
    struct stream from;
    struct stream to;
    struct flow flow;
    enum duct_mode mode;
    int in;  /* -1: closed */
    int out; /* -1: closed */
    uint64_t sent;
    uint64_t received;
    bool corrupt; /* other bytes came out than had gone in */
};

extern const char *const duct_modes[DUCT_MODES];

/* Both connections are what `make` makes (wire.h).  The sink's buffers are
 * small if `narrow`, so that little fits between the flow and the test. */
void duct_open(struct duct *duct, enum duct_mode mode,
    void (*make)(int fds[2]), bool narrow);
void duct_close(struct duct *duct);

/* Closes `in` or `out` with RST. */
void duct_reset(int *fd);

/* Sends the next `size` bytes, as far as they fit; returns how many did. */
size_t duct_send(struct duct *duct, size_t size);

/* Receives what is there, and checks it. */
size_t duct_receive(struct duct *duct);

/* Runs the flow until it waits for something else than its turn. */
enum flow_wait duct_run(struct duct *duct);

/* Sends and runs until the sink takes no more, or the flow is over. */
enum flow_wait duct_block(struct duct *duct);

/* Both connections hold as much as they may (unix only): see wire_widen(). */
void duct_widen(struct duct *duct);

/* Receives and runs until the flow waits for input or for nothing, and all is
 * here. */
enum flow_wait duct_finish(struct duct *duct);

#endif
