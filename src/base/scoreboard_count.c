/* What each process says of itself on the scoreboard, and what is added up of
 * it. */
#include "base/scoreboard_internal.h"

#include "base/clock.h"

enum { ROUNDS_MAX = 100, MOVES_MAX = 1024, NOTICES_ALONE = 10 };

static const struct scoreboard_slot *
slot_at(const struct scoreboard *board, unsigned slot)
{
    return &board->shared->slots[slot];
}

static const struct scoreboard_cell *
cell_of(const struct scoreboard *board, unsigned slot, unsigned service)
{
    return &board->shared->slots[slot].cells[service];
}

static struct scoreboard_cell *
own_cell(struct scoreboard *board, unsigned slot, unsigned service)
{
    return &scoreboard_slot_own(board, slot)->cells[service];
}

void
scoreboard_count(struct scoreboard *board, unsigned slot, unsigned service,
    enum metric_cell cell, uint64_t more)
{
    uint64_t *number = &own_cell(board, slot, service)->metrics[cell];

    scoreboard_set(number, scoreboard_get(number) + more);
}

static uint64_t *
own_active(struct scoreboard *board, unsigned slot, unsigned service)
{
    return &own_cell(board, slot, service)->metrics[METRIC_ACTIVE];
}

/* How many the process has, as it knows itself. */
static uint64_t *
held_of(struct scoreboard *board, unsigned slot, unsigned service)
{
    return board->held != NULL ? &board->held[service]
                               : own_active(board, slot, service);
}

void
scoreboard_gauge_enter(struct scoreboard *board, unsigned slot, unsigned service)
{
    uint64_t *held = held_of(board, slot, service), next = *held + 1;

    *held = next;
    scoreboard_set_ordered(own_active(board, slot, service), next);
}

void
scoreboard_gauge_leave(struct scoreboard *board, unsigned slot, unsigned service)
{
    uint64_t *held = held_of(board, slot, service);
    uint64_t next = *held > 0 ? *held - 1 : 0;

    *held = next;
    scoreboard_set_ordered(own_active(board, slot, service), next);
}

void
scoreboard_set_away(struct scoreboard *board, unsigned slot, uint64_t count)
{
    scoreboard_set(&scoreboard_slot_own(board, slot)->away, count);
}

void
scoreboard_note_move(struct scoreboard *board, unsigned slot)
{
    uint64_t *moves = &scoreboard_slot_own(board, slot)->moves;

    scoreboard_set_ordered(moves, *moves + 1);
}

/* Sets the flag, then changes the ticket, before the caller looks once more: a
 * process that sees the old ticket has counted out before that look. */
void
scoreboard_set_waiting(
    struct scoreboard *board, unsigned slot, unsigned service, bool waiting)
{
    struct scoreboard_slot *own = scoreboard_slot_own(board, slot);
    uint64_t *flag = &own->cells[service].waiting;
    bool before = scoreboard_get(flag) != 0;

    if (before != waiting) {
        scoreboard_set_ordered(flag, waiting);
        scoreboard_set_ordered(&own->waits,
            waiting ? own->waits + 1 : own->waits - (own->waits > 0));
    }
    if (waiting)
        scoreboard_set_ordered(&own->ticket, own->ticket + 1);
}

bool
scoreboard_is_waiting(const struct scoreboard *board, unsigned slot,
    unsigned service)
{
    return scoreboard_get_ordered(&cell_of(board, slot, service)->waiting) != 0;
}

bool
scoreboard_must_wake(struct scoreboard *board, unsigned slot, unsigned service)
{
    uint64_t ticket;

    if (!scoreboard_is_waiting(board, slot, SCOREBOARD_ALL) &&
        !scoreboard_is_waiting(board, slot, service))
        return false;
    ticket = scoreboard_get_ordered(&slot_at(board, slot)->ticket);
    if (board->woken[slot] == ticket)
        return false;
    board->woken[slot] = ticket;
    return true;
}

bool
scoreboard_any_waiting(const struct scoreboard *board)
{
    unsigned count = scoreboard_slot_count(board);

    for (unsigned i = 0; i < count; i++)
        if (scoreboard_get_ordered(&slot_at(board, i)->waits) != 0)
            return true;
    return false;
}

void
scoreboard_set_accepting(
    struct scoreboard *board, unsigned slot, uint64_t generation)
{
    scoreboard_set(&scoreboard_slot_own(board, slot)->accepting, generation);
}

static bool
is_past(uint64_t then_ms, uint64_t now_ms, uint64_t span_ms)
{
    return then_ms == 0 || then_ms > now_ms || now_ms - then_ms >= span_ms;
}

static bool
any_noticed(const struct scoreboard *board, enum scoreboard_notice notice,
    uint64_t now_ms, uint64_t every_ms)
{
    unsigned count = scoreboard_slot_count(board);

    for (unsigned i = 0; i < count; i++)
        if (!is_past(scoreboard_get(&slot_at(board, i)->notices[notice]),
                now_ms, every_ms))
            return true;
    return false;
}

bool
scoreboard_notice_is_due(struct scoreboard *board, unsigned slot,
    enum scoreboard_notice notice, uint64_t every_ms)
{
    uint64_t now_ms = clock_now_ms();
    uint64_t *refused_ms = &board->refused_ms[notice];

    if (any_noticed(board, notice, now_ms, every_ms)) {
        if (*refused_ms == 0)
            *refused_ms = now_ms;
        if (!is_past(*refused_ms, now_ms, NOTICES_ALONE * every_ms))
            return false;
    }
    *refused_ms = 0;
    scoreboard_set(&scoreboard_slot_own(board, slot)->notices[notice], now_ms);
    return true;
}

static uint64_t
add_saturated(uint64_t sum, uint64_t more)
{
    return more <= UINT64_MAX - sum ? sum + more : UINT64_MAX;
}

uint64_t
scoreboard_sum(const struct scoreboard *board, unsigned service,
    enum metric_cell cell)
{
    unsigned count = scoreboard_slot_count(board);
    uint64_t sum = 0;

    if (cell == METRIC_ACTIVE)
        return scoreboard_active(board, service);
    for (unsigned i = 0; i < count; i++)
        sum = add_saturated(sum,
            scoreboard_slot_counter(board, i, service, cell));
    return sum;
}

/* Of its own slot a process knows the count, whatever the slot says. */
static uint64_t
active_of(const struct scoreboard *board, unsigned slot, unsigned service)
{
    const struct scoreboard_cell *cell = cell_of(board, slot, service);

    return slot == board->own_slot && board->held != NULL
        ? board->held[service]
        : scoreboard_get_ordered(&cell->metrics[METRIC_ACTIVE]);
}

static uint64_t
add_gauges(const struct scoreboard *board, unsigned service, uint64_t most)
{
    unsigned count = scoreboard_slot_count(board);
    uint64_t sum = 0;

    for (unsigned i = 0; i < count; i++) {
        uint64_t here = active_of(board, i, service);

        sum += here < most ? here : most;
    }
    return sum;
}

static uint64_t
add_moves(const struct scoreboard *board)
{
    unsigned count = scoreboard_slot_count(board);
    uint64_t sum = 0;

    for (unsigned i = 0; i < count; i++)
        sum += scoreboard_get_ordered(&slot_at(board, i)->moves);
    return sum;
}

static uint64_t
connection_limit_of(const struct scoreboard *board, unsigned service)
{
    uint64_t most = scoreboard_get(&board->shared->most[service]);

    return most > 0 && most < UINT32_MAX ? most : UINT32_MAX;
}

/* A connection that moved from a slot not yet read to one that was would be
 * missed; then all are read again.  Where that does not end, it is better to
 * see too many. */
uint64_t
scoreboard_active(const struct scoreboard *board, unsigned service)
{
    uint64_t before, after = add_moves(board), sum, missed;
    uint64_t most = connection_limit_of(board, service);
    int rounds = 0;

    do {
        before = after;
        sum = add_gauges(board, service, most);
        after = add_moves(board);
    } while (after != before && ++rounds < ROUNDS_MAX);
    missed = after - before;
    return sum + (missed < MOVES_MAX ? missed : MOVES_MAX);
}

uint64_t
scoreboard_slot_active(const struct scoreboard *board, unsigned slot,
    unsigned service)
{
    return active_of(board, slot, service);
}

uint64_t
scoreboard_slot_counter(const struct scoreboard *board, unsigned slot,
    unsigned service, enum metric_cell cell)
{
    return scoreboard_get(&cell_of(board, slot, service)->metrics[cell]);
}

struct scoreboard_slot_info
scoreboard_slot_info(const struct scoreboard *board, unsigned slot)
{
    const struct scoreboard_entry *found = &board->shared->entries[slot];

    return (struct scoreboard_slot_info){
        .taken = scoreboard_get(&found->taken) != 0,
        .pid = (int)__atomic_load_n(&found->pid, __ATOMIC_RELAXED),
        .kind = (int)__atomic_load_n(&found->kind, __ATOMIC_RELAXED),
        .number = (unsigned)scoreboard_get(&found->number),
        .active = scoreboard_slot_active(board, slot, SCOREBOARD_ALL),
    };
}

/* What the slot has without what it has sent away, and what was sent to it from
 * here. */
static uint64_t
load_of(const struct scoreboard *board, unsigned slot, unsigned like,
    const uint32_t pending[SCOREBOARD_SLOTS])
{
    uint64_t active = active_of(board, slot, SCOREBOARD_ALL);
    uint64_t away = scoreboard_get(&slot_at(board, slot)->away);
    uint64_t stays = active > away ? active - away : 0;

    return pending != NULL && slot != like ? add_saturated(stays, pending[slot])
                                           : stays;
}

/* The clocks of two processes may be read in either order. */
static bool
is_fresh(const struct scoreboard *board, unsigned slot, uint64_t now_ms)
{
    uint64_t beaten_ms = scoreboard_beaten_ms(board, slot);

    return beaten_ms > 0 &&
        (beaten_ms >= now_ms || now_ms - beaten_ms <= SCOREBOARD_FRESH_MS);
}

unsigned
scoreboard_least_loaded(const struct scoreboard *board, unsigned like,
    uint64_t now_ms, const uint32_t pending[SCOREBOARD_SLOTS], uint64_t *active)
{
    uint64_t generation = scoreboard_get(&slot_at(board, like)->accepting);
    unsigned count = scoreboard_slot_count(board), least = SCOREBOARD_SLOTS;

    for (unsigned i = 0; i < count; i++) {
        uint64_t here;

        if (generation == 0 ||
            scoreboard_get(&slot_at(board, i)->accepting) != generation ||
            (i != like && !is_fresh(board, i, now_ms)))
            continue;
        here = load_of(board, i, like, pending);
        if (least != SCOREBOARD_SLOTS && here >= *active)
            continue;
        least = i;
        *active = here;
    }
    return least;
}
