/*
 * What the processes know of each other's work: one shared mapping with a slot
 * for each process, made before the first of them.
 *
 * The master can write all of it.  A worker can write its own slot and has the
 * rest read-only, from a descriptor that is read-only; every other process has
 * all of it read-only, or nothing of it.  So a process taken over can lie about
 * itself alone.  What a slot says is bounded where it is added up, and a
 * pid read here is for people, not for kill(2).
 *
 * A slot has cells for the metrics (metrics.h) of the process (index
 * SCOREBOARD_ALL) and of each service in it.  Counters are relaxed loads and
 * stores, no locked instruction, no lock; they only grow, and outlive the process.
 * METRIC_ACTIVE says how many connections the process has now; the master clears
 * it when the process has ended.
 */
#ifndef BASE_SCOREBOARD_H
#define BASE_SCOREBOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "base/metrics.h"

enum {
    SCOREBOARD_SLOTS = 256, /* processes at once, retiring ones among them */
    SCOREBOARD_SERVICES = 1024, /* names, over the daemon's life (see below) */
    SCOREBOARD_NAME_SIZE = 64,  /* of a service, with its NUL */
};

struct scoreboard;

/* What is logged now and then, by one process for all. */
enum scoreboard_notice {
    SCOREBOARD_NOTICE_LIMIT,
    SCOREBOARD_NOTICE_EXHAUSTED,
    SCOREBOARD_NOTICES
};

enum { SCOREBOARD_ALL = 0 }; /* the first service index stands for all */

/* The whole mapping, writable.  NULL: errno says why. */
NODISCARD struct scoreboard *scoreboard_new(void);
void scoreboard_free(struct scoreboard *board);

/* For other processes: a descriptor to read from, and one to write to, which only
 * a process gets that has not heard of anything yet, and closes once its slot is
 * mapped.  Borrowed. */
int scoreboard_descriptor(const struct scoreboard *board);
int scoreboard_write_descriptor(const struct scoreboard *board);

/* All of the scoreboard, read-only, from such a descriptor, which the caller
 * may close afterwards; and with one slot that can be written.  What is mapped
 * read-only cannot be made writable.  NULL: errno says why. */
NODISCARD struct scoreboard *scoreboard_open(int fd);
NODISCARD struct scoreboard *scoreboard_open_slot(
    int fd, int write_fd, unsigned slot);

/* The master's part.  A service keeps its index for as long as the scoreboard
 * lives, so that its counters go on over reloads; SCOREBOARD_ALL: no index is left
 * (or the name is too long), and the service is counted in the sum only. */
unsigned scoreboard_service_index(struct scoreboard *board, const char *name);

/* How many connections of a service one process may have, at the least; it only
 * grows.  No process is counted with more: see scoreboard_active(). */
void scoreboard_raise_most(struct scoreboard *board, unsigned service,
    uint64_t most);

/* A slot for a new process: the lowest that is free; gauges 0.  SCOREBOARD_SLOTS:
 * none is left. */
unsigned scoreboard_slot_take(struct scoreboard *board, int kind,
    unsigned number);
void scoreboard_slot_set_pid(struct scoreboard *board, unsigned slot, int pid);

/* The process has ended: its gauges are 0 from now on.  It may have died
 * between counting out and telling those that wait, so all workers are to be
 * told then (limits_recheck()). */
void scoreboard_slot_release(struct scoreboard *board, unsigned slot);

/* When the master last heard that the slot's process is alive. */
void scoreboard_beat(struct scoreboard *board, unsigned slot, uint64_t now_ms);

/* The process's own part: a counter grows. */
void scoreboard_count(struct scoreboard *board, unsigned slot, unsigned service,
    enum metric_cell cell, uint64_t more);

/* For limits, by one, in one order with every scoreboard_active() and waiting
 * of all processes (seq_cst): of two that count themselves in, at least one
 * sees the other.  A gauge never goes below 0. */
void scoreboard_gauge_enter(struct scoreboard *board, unsigned slot,
    unsigned service);
void scoreboard_gauge_leave(struct scoreboard *board, unsigned slot,
    unsigned service);

/* A connection that another process accepted has been counted in here; only
 * after this may the other one count it out, so that scoreboard_active() never
 * misses it. */
void scoreboard_note_move(struct scoreboard *board, unsigned slot);

/* How many of its connections this process has sent to others which have not
 * counted them in yet. */
void scoreboard_set_away(struct scoreboard *board, unsigned slot,
    uint64_t count);

/* Whether this process waits for a connection to end somewhere: one of
 * `service`, or (SCOREBOARD_ALL) any.  Each call that says so asks anew for a
 * word. */
void scoreboard_set_waiting(
    struct scoreboard *board, unsigned slot, unsigned service, bool waiting);
bool scoreboard_is_waiting(
    const struct scoreboard *board, unsigned slot, unsigned service);

/* True if a process waits for `service` or for any, and this one has not said so
 * since it began to: one word from each process is sent to it, even if many
 * connections end before it hears it. */
NODISCARD bool scoreboard_must_wake(
    struct scoreboard *board, unsigned slot, unsigned service);

/* False: no process waits for anything. */
bool scoreboard_any_waiting(const struct scoreboard *board);

/* Since which generation of the configuration it accepts; 0: it does not. */
void scoreboard_set_accepting(
    struct scoreboard *board, unsigned slot, uint64_t generation);

/* True if this process is to log it: none has for `every_ms`, or others have
 * claimed to for ten times that. */
NODISCARD bool scoreboard_notice_is_due(struct scoreboard *board, unsigned slot,
    enum scoreboard_notice notice, uint64_t every_ms);

/* Readers.  A sum never wraps around; that of METRIC_ACTIVE is
 * scoreboard_active(). */
uint64_t scoreboard_sum(const struct scoreboard *board, unsigned service,
    enum metric_cell cell);

/* The connections of all processes, of none more than scoreboard_raise_most() said:
 * a process that claims more has been taken over, and is not to keep the others
 * from accepting. */
uint64_t scoreboard_active(const struct scoreboard *board, unsigned service);
uint64_t scoreboard_slot_active(
    const struct scoreboard *board, unsigned slot, unsigned service);
uint64_t scoreboard_slot_counter(const struct scoreboard *board, unsigned slot,
    unsigned service, enum metric_cell cell);

/* 0: never since the slot was taken. */
uint64_t scoreboard_beaten_ms(const struct scoreboard *board, unsigned slot);

/* The slot with the fewest connections, without those that it has sent away,
 * among those that accept for the same generation as slot `like`, so that they
 * know the same acceptors; `*active` is their number.  A process that has not
 * been heard of for SCOREBOARD_FRESH_MS does not count: a connection that is
 * handed to it may never be served; `like` is the caller's own, and always
 * does.  `pending`, which may be NULL, says how many more each slot has been
 * sent.  SCOREBOARD_SLOTS: there is none. */
enum { SCOREBOARD_FRESH_MS = 2500 };
unsigned scoreboard_least_loaded(const struct scoreboard *board, unsigned like,
    uint64_t now_ms, const uint32_t pending[SCOREBOARD_SLOTS],
    uint64_t *active);

/* All slots ever taken are below this: where a loop over them may end. */
unsigned scoreboard_slot_count(const struct scoreboard *board);

struct scoreboard_slot_info {
    bool taken;
    int pid;         /* 0: the slot is free, or its process not started yet */
    int kind;        /* as given to scoreboard_slot_take() */
    unsigned number;
    uint64_t active;
};
struct scoreboard_slot_info scoreboard_slot_info(
    const struct scoreboard *board, unsigned slot);

/* How many service indices are in use (SCOREBOARD_ALL among them), and names: valid
 * until the next call; "" for SCOREBOARD_ALL. */
unsigned scoreboard_service_count(const struct scoreboard *board);
const char *scoreboard_service_name(const struct scoreboard *board,
    unsigned service);

/* The index that scoreboard_service_index() gave the name; SCOREBOARD_ALL: none. */
unsigned scoreboard_service_find(const struct scoreboard *board,
    const char *name);

#endif
