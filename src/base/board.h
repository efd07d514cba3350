/*
 * What the processes know of each other's work: one shared mapping with a slot
 * for each process, made before the first fork.
 *
 * A slot's counters are written by its one process and read by all: relaxed
 * loads and stores, no locked instruction, no lock.  They only grow, and
 * outlive the process.  Its gauges, of which there is one for each service,
 * say how many connections there are now; they are cleared when the process
 * has ended.  Others write them too: who hands a connection over counts it in
 * at the receiver's before it counts it out at its own.
 *
 * Every process can write all of it, so a reader believes nothing that could
 * lead it out of the mapping; a pid read here is for people, not for kill(2).
 */
#ifndef BASE_BOARD_H
#define BASE_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

enum {
    BOARD_SLOTS = 256,     /* processes at once, retiring ones among them */
    BOARD_SERVICES = 1024, /* names, over the daemon's life (see below) */
    BOARD_NAME_SIZE = 64,  /* of a service, with its NUL */
};

struct board;

/* Of one service in one process, or (index BOARD_ALL) of the process. */
enum board_counter {
    BOARD_ACCEPTED,          /* connections accepted, handed over or not */
    BOARD_ENDED_WELL,        /* client-closed, server-closed */
    BOARD_ENDED_BADLY,
    BOARD_UP_BYTES,
    BOARD_DOWN_BYTES,
    BOARD_HANDSHAKES,        /* TLS with clients, done */
    BOARD_RESUMED,           /* of them by a session */
    BOARD_HANDSHAKE_FAILURES,/* with clients, running out of time included */
    BOARD_CONNECT_FAILURES,  /* no server reached, or no TLS with it */
    BOARD_HANDED_OVER,       /* accepted here, relayed by another */
    BOARD_COUNTER_COUNT,
};

/* What is logged now and then, by one process for all. */
enum board_notice { BOARD_NOTICE_LIMIT, BOARD_NOTICE_EXHAUSTED, BOARD_NOTICES };

enum { BOARD_ALL = 0 }; /* the first service index stands for all */

/* NULL: out of memory. */
NODISCARD struct board *board_new(void);
void board_free(struct board *board);

/* The master's part.  A service keeps its index for as long as the board
 * lives, so that its counters go on over reloads; BOARD_ALL: no index is left
 * (or the name is too long), and the service is counted in the sum only. */
unsigned board_service_index(struct board *board, const char *name);

/* A slot for a new process: the lowest that is free; gauges 0.  BOARD_SLOTS:
 * none is left. */
unsigned board_slot_take(struct board *board, int kind, unsigned number);
void board_slot_set_pid(struct board *board, unsigned slot, int pid);

/* The process has ended: its gauges are 0 from now on.  It may have died
 * between counting out and telling those that wait, so all workers are to be
 * told then (limits_recheck()). */
void board_slot_release(struct board *board, unsigned slot);

/* The process's own part. */
void board_count(struct board *board, unsigned slot, unsigned service,
    enum board_counter counter, uint64_t more);
void board_gauge_add(
    struct board *board, unsigned slot, unsigned service, int more);

/* Its loop turns (process/pulse.h): this is when it last did. */
void board_beat(struct board *board, unsigned slot, uint64_t now_ms);

/* For limits: the same by one, but in one order with every board_active() and
 * board_*_waiting() of all processes (seq_cst): of two that count themselves
 * in, at least one sees the other.  A gauge never goes below 0. */
void board_gauge_enter(struct board *board, unsigned slot, unsigned service);
void board_gauge_leave(struct board *board, unsigned slot, unsigned service);

/* The connection goes from one process to another; board_active() never misses
 * it meanwhile. */
void board_gauge_move(
    struct board *board, unsigned service, unsigned from, unsigned to);

/* Whether this process waits for a connection to end somewhere: one of
 * `service`, or (BOARD_ALL) any. */
void board_set_waiting(
    struct board *board, unsigned slot, unsigned service, bool waiting);
bool board_is_waiting(
    const struct board *board, unsigned slot, unsigned service);

/* True if it was waiting; it is not any more.  So one word is sent to it, even
 * if many connections end before it hears it. */
NODISCARD bool board_take_waiting(
    struct board *board, unsigned slot, unsigned service);

/* False: nobody waits for anything (one load). */
bool board_any_waiting(const struct board *board);

/* Since which generation of the configuration it accepts; 0: it does not. */
void board_set_accepting(
    struct board *board, unsigned slot, uint64_t generation);

/* When it was last logged, for clock_is_due(). */
uint64_t *board_notice(struct board *board, enum board_notice notice);

/* Readers. */
uint64_t board_sum(const struct board *board, unsigned service,
    enum board_counter counter);
uint64_t board_active(const struct board *board, unsigned service);
uint64_t board_slot_active(
    const struct board *board, unsigned slot, unsigned service);
uint64_t board_slot_counter(const struct board *board, unsigned slot,
    unsigned service, enum board_counter counter);

/* 0: it never did since the slot was taken. */
uint64_t board_beaten_ms(const struct board *board, unsigned slot);

/* The slot with the fewest connections among those that accept for the same
 * generation as slot `like`, so that they know the same doors; `*active` is
 * their number.  BOARD_SLOTS: there is none. */
unsigned board_least_loaded(
    const struct board *board, unsigned like, uint64_t *active);

/* All slots ever taken are below this: where a loop over them may end. */
unsigned board_slot_count(const struct board *board);

struct board_slot_info {
    bool taken;
    int pid;         /* 0: the slot is free, or its process not started yet */
    int kind;        /* as given to board_slot_take() */
    unsigned number;
    uint64_t active;
};
struct board_slot_info board_slot_info(
    const struct board *board, unsigned slot);

/* How many service indices are in use (BOARD_ALL among them), and names: valid
 * until the next call; "" for BOARD_ALL. */
unsigned board_service_count(const struct board *board);
const char *board_service_name(const struct board *board, unsigned service);

/* The index that board_service_index() gave the name; BOARD_ALL: none. */
unsigned board_service_find(const struct board *board, const char *name);

#endif
