/*
 * How the scoreboard lies in memory, for the files that make up the scoreboard.
 */
#ifndef BASE_SCOREBOARD_INTERNAL_H
#define BASE_SCOREBOARD_INTERNAL_H

#include "base/scoreboard.h"

enum { SCOREBOARD_PAGE_BYTES = 4096, SCOREBOARD_LINE_BYTES = 64 };

/* Of one service in one process.  What admission reads stands first: the first
 * of the metrics is METRIC_ACTIVE. */
struct scoreboard_cell {
    _Alignas(SCOREBOARD_LINE_BYTES) uint64_t waiting;
    uint64_t metrics[METRIC_CELL_COUNT];
};

/* What one process writes, and after its end the master.  Page-aligned, so that
 * it can be mapped apart; a process with few services touches its first page
 * only. */
struct scoreboard_slot {
    /* These hardly ever change, and all read them with every end of a
     * connection. */
    _Alignas(SCOREBOARD_PAGE_BYTES) uint64_t accepting;
    uint64_t waits;  /* how many of its cells wait */
    uint64_t ticket; /* one more each time that a cell begins to wait */

    /* How often it took a connection that another process had accepted. */
    _Alignas(SCOREBOARD_LINE_BYTES) uint64_t moves;
    uint64_t away; /* connections that are counted here and sent elsewhere */
    uint64_t notices[SCOREBOARD_NOTICES];
    struct scoreboard_cell cells[SCOREBOARD_SERVICES];
};

/* What the master says of a slot. */
struct scoreboard_entry {
    uint64_t taken;
    int64_t pid;
    int64_t kind;
    uint64_t number;
    uint64_t beaten_ms;
};

/* The mapping.  What stands before the slots is written by the master alone. */
struct scoreboard_shared {
    uint64_t slot_count;    /* slots that were ever taken are below */
    uint64_t service_count; /* SCOREBOARD_ALL among them */
    uint64_t most[SCOREBOARD_SERVICES]; /* of one process; 0: never said */
    char names[SCOREBOARD_SERVICES][SCOREBOARD_NAME_SIZE];
    struct scoreboard_entry entries[SCOREBOARD_SLOTS];
    struct scoreboard_slot slots[SCOREBOARD_SLOTS];
};

struct scoreboard {
    const struct scoreboard_shared *shared;
    struct scoreboard_shared
        *writable; /* the same; NULL: only `own` is, or nothing */
    struct scoreboard_slot *own;   /* of a process that is confined to it */
    unsigned own_slot;             /* SCOREBOARD_SLOTS: not confined to one */
    int read_fd;                   /* -1: not to be passed on from here */
    int write_fd;                  /* the same */

    /* How many connections the confined process has, by service: what it goes by
     * itself, whatever becomes of its slot.  NULL: the slot says so. */
    uint64_t *held;

    uint64_t
        woken[SCOREBOARD_SLOTS]; /* the ticket that this process answered last */
    uint64_t refused_ms[SCOREBOARD_NOTICES]; /* since when others logged for it */
    bool taken[SCOREBOARD_SLOTS];     /* the master's own record */
    char name[SCOREBOARD_NAME_SIZE];  /* the last that was asked for */
};

static inline uint64_t
scoreboard_get(const uint64_t *number)
{
    return __atomic_load_n(number, __ATOMIC_RELAXED);
}

static inline void
scoreboard_set(uint64_t *number, uint64_t value)
{
    __atomic_store_n(number, value, __ATOMIC_RELAXED);
}

static inline uint64_t
scoreboard_get_ordered(const uint64_t *number)
{
    return __atomic_load_n(number, __ATOMIC_SEQ_CST);
}

static inline void
scoreboard_set_ordered(uint64_t *number, uint64_t value)
{
    __atomic_store_n(number, value, __ATOMIC_SEQ_CST);
}

/* The slot, for its process or the master to write to. */
struct scoreboard_slot *scoreboard_slot_own(struct scoreboard *board,
    unsigned slot);

#endif
