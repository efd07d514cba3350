/*
 * A worker's event loop: libevent's base, work put off to the next turn, and
 * the scratch memory that all its connections share.
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "net/timer.h"

struct event_base;

/* The most that one read takes and one send carries. */
enum { LOOP_SCRATCH_BYTES = 256 << 10 };

/* Each 16 KiB of plain bytes grow by a record header and a tag (at most 256
 * bytes, RFC 8446 5.2); the rest is room for tickets and alerts. */
enum { LOOP_RECORDS_BYTES = LOOP_SCRATCH_BYTES + (24 << 10) };

/* The most that one recv(2) of TLS records takes: a scratch full of data, and
 * what most ciphers add to it. */
enum { LOOP_INPUT_BYTES = LOOP_SCRATCH_BYTES + (2 << 10) };

enum loop_order {
    LOOP_NEXT_TURN,
    LOOP_AHEAD,
    LOOP_IN_LINE,
    LOOP_LAST,
    LOOP_ORDER_COUNT,
};

/* Work put off, in one queue at most.  Zero-initialise; set `run` and `arg`
 * once. */
struct loop_task {
    TAILQ_ENTRY(loop_task) entry;
    uint64_t turn; /* in which it was queued */
    enum loop_order order;
    bool queued;
    void (*run)(void *arg);
    void *arg;
};

TAILQ_HEAD(loop_queue, loop_task);

struct loop {
    struct event_base *base;
    struct loop_queue queues[LOOP_ORDER_COUNT];
    uint64_t turn;
    bool stopping;

    /* When running out of descriptors was last logged by this process; or, not
     * NULL: whether it may be now, where several processes share that. */
    uint64_t exhausted_ms;
    bool (*may_log_exhaustion)(void *arg);
    void *may_log_arg;

    size_t kept; /* bytes that wait in all streams' `pending` */
    struct timer spare; /* is open, so that opening another takes no memory */

    /* Valid within one callback only: nothing in it outlives a call. */
    uint8_t *scratch;      /* LOOP_SCRATCH_BYTES: plain bytes on their way */
    uint8_t *records;      /* LOOP_RECORDS_BYTES: TLS records on their way */
    size_t records_length; /* 0 between calls */
    uint8_t *input;        /* LOOP_INPUT_BYTES: TLS records that came */
};

/* NULL: out of memory or descriptors. */
NODISCARD struct loop *loop_new(void);
void loop_free(struct loop *loop);

/* Turns until loop_stop(). */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* True at most once a second: running out of descriptors or memory comes with
 * every client that knocks. */
NODISCARD bool loop_may_log_exhaustion(struct loop *loop);

/* Queues `task` once for the next turn, behind a look at new events, so that
 * work without end cannot starve other connections. */
void loop_defer(struct loop *loop, struct loop_task *task);

/* Queues `task` once for the end of this turn, or a later one: of what may take
 * a millisecond, such as a handshake, a turn does a few milliseconds' worth, in
 * the order of the line, so that it delays nothing else by more. */
void loop_line_up(struct loop *loop, struct loop_task *task);

/* The same ahead of all that loop_line_up() queued: for work that has begun, so
 * that it ends before more begins. */
void loop_line_up_ahead(struct loop *loop, struct loop_task *task);

/* Queues `task` once for the very end of this turn: for what many have added to
 * by then, and that can leave as one. */
void loop_conclude(struct loop *loop, struct loop_task *task);
void loop_cancel(struct loop *loop, struct loop_task *task);

/* Closes `fd`, whose events have been deleted, in the next turn: for what
 * another process may have a duplicate of.  Closing does not end epoll(7)'s
 * interest in such a descriptor, and the loop ends it only when it looks for
 * events again; until then the number has to stay, or nothing could end it any
 * more, and the loop would spin.  (libevent looks for nothing while it has no
 * event at all, but a worker always has some.) */
void loop_close(struct loop *loop, int fd);

#endif
