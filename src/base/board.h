/*
 * What the processes know of each other's work: one shared mapping with a slot
 * for each process, made before the first fork.
 *
 * A slot's numbers are written by its one process and read by all: relaxed
 * atomic loads and stores, no locked instruction, no lock.  Counters only grow
 * and outlive the process; gauges are cleared when it has ended.
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
    BOARD_HANDSHAKE_FAILURES,
    BOARD_CONNECT_FAILURES,
    BOARD_HANDED_OVER,       /* accepted here, relayed by another */
    BOARD_COUNTER_COUNT,
};

enum { BOARD_ALL = 0 }; /* the first service index stands for all */

/* NULL: out of memory. */
NODISCARD struct board *board_new(void);
void board_free(struct board *board);

/* The master's part.  A service keeps its index for as long as the board
 * lives, so that its counters go on over reloads; BOARD_ALL: no index is left,
 * and the service is counted in the sum only. */
unsigned board_service_index(struct board *board, const char *name);

/* A slot for a new process: the lowest that is free; gauges 0.  BOARD_SLOTS:
 * none is left. */
unsigned board_slot_take(struct board *board, int kind, unsigned number);
void board_slot_set_pid(struct board *board, unsigned slot, int pid);

/* The process has ended: its gauges are 0 from now on. */
void board_slot_release(struct board *board, unsigned slot);

/* The process's own part. */
void board_count(struct board *board, unsigned slot, unsigned service,
    enum board_counter counter, uint64_t more);
void board_gauge_add(
    struct board *board, unsigned slot, unsigned service, int more);

/* For limits: the same, but ordered before a following board_active(). */
void board_gauge_enter(struct board *board, unsigned slot, unsigned service);
void board_gauge_leave(struct board *board, unsigned slot, unsigned service);

/* Whether this process waits for a connection to end somewhere. */
void board_set_waiting(struct board *board, unsigned slot, bool waiting);
bool board_is_waiting(const struct board *board, unsigned slot);

/* Whether it accepts, so that others may hand over to it. */
void board_set_accepting(struct board *board, unsigned slot, bool accepting);

/* Readers. */
uint64_t board_sum(const struct board *board, unsigned service,
    enum board_counter counter);
uint64_t board_active(const struct board *board, unsigned service);
uint64_t board_slot_active(
    const struct board *board, unsigned slot, unsigned service);
uint64_t board_slot_counter(const struct board *board, unsigned slot,
    unsigned service, enum board_counter counter);

/* The accepting slot with the fewest connections; `*active` is their number.
 * BOARD_SLOTS: none accepts. */
unsigned board_least_loaded(const struct board *board, uint64_t *active);

struct board_slot_info {
    int pid;         /* 0: the slot is free */
    int kind;        /* as given to board_slot_take() */
    unsigned number;
    uint64_t active;
};
struct board_slot_info board_slot_info(
    const struct board *board, unsigned slot);

/* How many service indices are in use (BOARD_ALL among them), and names. */
unsigned board_service_count(const struct board *board);
const char *board_service_name(const struct board *board, unsigned service);

#endif
