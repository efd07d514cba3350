#include "base/board.h"

#include <sys/mman.h>

#include <stdlib.h>
#include <string.h>

enum { PAGE_BYTES = 4096, LINE_BYTES = 64, ROUNDS_MAX = 100 };

/* Of one service in one process.  What admission reads stands first. */
struct cell {
    _Alignas(LINE_BYTES) uint64_t active;
    uint64_t waiting;
    uint64_t counters[BOARD_COUNTER_COUNT];
};

/* Page-aligned: a process with few services touches its first page only, and
 * pages that nobody touches do not exist. */
struct slot {
    _Alignas(PAGE_BYTES) uint64_t taken;
    uint64_t accepting;
    int64_t pid;
    int64_t kind;
    uint64_t number;
    uint64_t beaten_ms;
    struct cell cells[BOARD_SERVICES];
};

/* The mapping. */
struct shared {
    uint64_t slot_count;    /* slots that were ever taken are below */
    uint64_t service_count; /* BOARD_ALL among them */
    char names[BOARD_SERVICES][BOARD_NAME_SIZE];
    uint64_t notices[BOARD_NOTICES];

    /* How many cells wait, a line of its own: all read it with every end of a
     * connection, and it hardly ever changes. */
    _Alignas(LINE_BYTES) uint64_t waiters;

    /* How often a connection went from one slot to another. */
    _Alignas(LINE_BYTES) uint64_t moves;
    struct slot slots[BOARD_SLOTS];
};

struct board {
    struct shared *shared;
    bool taken[BOARD_SLOTS]; /* the master's own view, which no other process
                                can change */
    char name[BOARD_NAME_SIZE]; /* the last that was asked for */
};

static uint64_t
get(const uint64_t *number)
{
    return __atomic_load_n(number, __ATOMIC_RELAXED);
}

static void
set(uint64_t *number, uint64_t value)
{
    __atomic_store_n(number, value, __ATOMIC_RELAXED);
}

static uint64_t
get_ordered(const uint64_t *number)
{
    return __atomic_load_n(number, __ATOMIC_SEQ_CST);
}

struct board *
board_new(void)
{
    struct board *board = calloc(1, sizeof(*board));

    if (board == NULL)
        return NULL;
    board->shared = mmap(NULL, sizeof(*board->shared), PROT_READ | PROT_WRITE,
        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (board->shared == MAP_FAILED) {
        free(board);
        return NULL;
    }
    board->shared->service_count = 1;
    return board;
}

void
board_free(struct board *board)
{
    if (board == NULL)
        return;
    munmap(board->shared, sizeof(*board->shared));
    free(board);
}

unsigned
board_service_count(const struct board *board)
{
    uint64_t count =
        __atomic_load_n(&board->shared->service_count, __ATOMIC_ACQUIRE);

    return count <= BOARD_SERVICES ? (unsigned)count : BOARD_SERVICES;
}

unsigned
board_slot_count(const struct board *board)
{
    uint64_t count = get_ordered(&board->shared->slot_count);

    return count <= BOARD_SLOTS ? (unsigned)count : BOARD_SLOTS;
}

unsigned
board_service_find(const struct board *board, const char *name)
{
    unsigned count = board_service_count(board);

    for (unsigned i = BOARD_ALL + 1; i < count; i++)
        if (strncmp(board->shared->names[i], name, BOARD_NAME_SIZE) == 0)
            return i;
    return BOARD_ALL;
}

unsigned
board_service_index(struct board *board, const char *name)
{
    struct shared *shared = board->shared;
    unsigned found = board_service_find(board, name);
    unsigned count = board_service_count(board);

    if (found != BOARD_ALL || count == BOARD_SERVICES ||
        strlen(name) >= BOARD_NAME_SIZE)
        return found;
    memcpy(shared->names[count], name, strlen(name) + 1);
    __atomic_store_n(&shared->service_count, count + 1, __ATOMIC_RELEASE);
    return count;
}

/* A copy, because only that can be trusted to have an end. */
const char *
board_service_name(const struct board *board, unsigned service)
{
    char *copy = ((struct board *)board)->name;

    if (service >= board_service_count(board))
        return "";
    memcpy(copy, board->shared->names[service], BOARD_NAME_SIZE - 1);
    return copy;
}

static struct slot *
slot_of(const struct board *board, unsigned slot)
{
    return &board->shared->slots[slot];
}

static struct cell *
cell_of(const struct board *board, unsigned slot, unsigned service)
{
    return &board->shared->slots[slot].cells[service];
}

unsigned
board_slot_take(struct board *board, int kind, unsigned number)
{
    unsigned taken = 0;

    while (taken < BOARD_SLOTS && board->taken[taken])
        taken++;
    if (taken == BOARD_SLOTS)
        return BOARD_SLOTS;
    board->taken[taken] = true;
    slot_of(board, taken)->kind = kind;
    slot_of(board, taken)->number = number;
    board_beat(board, taken, 0);
    set(&slot_of(board, taken)->taken, 1);
    if (taken >= board_slot_count(board))
        __atomic_store_n(
            &board->shared->slot_count, taken + 1, __ATOMIC_SEQ_CST);
    return taken;
}

void
board_slot_set_pid(struct board *board, unsigned slot, int pid)
{
    __atomic_store_n(&slot_of(board, slot)->pid, pid, __ATOMIC_RELAXED);
}

void
board_slot_release(struct board *board, unsigned slot)
{
    unsigned count = board_service_count(board);

    board_set_accepting(board, slot, 0);
    for (unsigned i = 0; i < count; i++) {
        /* A look first: to write would make pages that nobody needs. */
        if (get(&cell_of(board, slot, i)->active) != 0)
            __atomic_store_n(
                &cell_of(board, slot, i)->active, 0, __ATOMIC_SEQ_CST);
        (void)!board_take_waiting(board, slot, i);
    }
    board_slot_set_pid(board, slot, 0);
    set(&slot_of(board, slot)->taken, 0);
    board->taken[slot] = false;
}

void
board_count(struct board *board, unsigned slot, unsigned service,
    enum board_counter counter, uint64_t more)
{
    uint64_t *number = &cell_of(board, slot, service)->counters[counter];

    set(number, get(number) + more);
}

/* Down to 0 and no further: another process may have counted itself in here
 * just as the gauge was cleared. */
static void
take_away(uint64_t *number, uint64_t less, int order)
{
    uint64_t now = get(number), next;

    do
        next = now > less ? now - less : 0;
    while (!__atomic_compare_exchange_n(
        number, &now, next, true, order, __ATOMIC_RELAXED));
}

void
board_gauge_add(
    struct board *board, unsigned slot, unsigned service, int more)
{
    uint64_t *active = &cell_of(board, slot, service)->active;

    if (more >= 0)
        __atomic_fetch_add(active, (uint64_t)more, __ATOMIC_RELAXED);
    else
        take_away(active, (uint64_t)-(int64_t)more, __ATOMIC_RELAXED);
}

void
board_gauge_enter(struct board *board, unsigned slot, unsigned service)
{
    __atomic_fetch_add(
        &cell_of(board, slot, service)->active, 1, __ATOMIC_SEQ_CST);
}

void
board_gauge_leave(struct board *board, unsigned slot, unsigned service)
{
    take_away(&cell_of(board, slot, service)->active, 1, __ATOMIC_SEQ_CST);
}

/* `moves` changes while both gauges have it: see board_active(). */
void
board_gauge_move(
    struct board *board, unsigned service, unsigned from, unsigned to)
{
    board_gauge_enter(board, to, service);
    __atomic_fetch_add(&board->shared->moves, 1, __ATOMIC_SEQ_CST);
    board_gauge_leave(board, from, service);
}

/* The sum is never short of a flag: it grows before and shrinks after. */
static bool
exchange_waiting(struct board *board, unsigned slot, unsigned service,
    bool waiting)
{
    uint64_t *waiters = &board->shared->waiters;
    uint64_t *flag = &cell_of(board, slot, service)->waiting;
    bool before;

    if (waiting)
        __atomic_fetch_add(waiters, 1, __ATOMIC_SEQ_CST);
    before = __atomic_exchange_n(flag, waiting, __ATOMIC_SEQ_CST) != 0;
    if (before)
        take_away(waiters, 1, __ATOMIC_SEQ_CST);
    return before;
}

void
board_set_waiting(
    struct board *board, unsigned slot, unsigned service, bool waiting)
{
    exchange_waiting(board, slot, service, waiting);
}

bool
board_is_waiting(const struct board *board, unsigned slot, unsigned service)
{
    return get_ordered(&cell_of(board, slot, service)->waiting) != 0;
}

bool
board_take_waiting(struct board *board, unsigned slot, unsigned service)
{
    return board_is_waiting(board, slot, service) &&
        exchange_waiting(board, slot, service, false);
}

bool
board_any_waiting(const struct board *board)
{
    return get_ordered(&board->shared->waiters) != 0;
}

void
board_set_accepting(
    struct board *board, unsigned slot, uint64_t generation)
{
    set(&slot_of(board, slot)->accepting, generation);
}

void
board_beat(struct board *board, unsigned slot, uint64_t now_ms)
{
    set(&slot_of(board, slot)->beaten_ms, now_ms);
}

uint64_t
board_beaten_ms(const struct board *board, unsigned slot)
{
    return get(&slot_of(board, slot)->beaten_ms);
}

uint64_t *
board_notice(struct board *board, enum board_notice notice)
{
    return &board->shared->notices[notice];
}

uint64_t
board_sum(const struct board *board, unsigned service,
    enum board_counter counter)
{
    unsigned count = board_slot_count(board);
    uint64_t sum = 0;

    for (unsigned i = 0; i < count; i++)
        sum += board_slot_counter(board, i, service, counter);
    return sum;
}

static uint64_t
add_gauges(const struct board *board, unsigned service)
{
    unsigned count = board_slot_count(board);
    uint64_t sum = 0;

    for (unsigned i = 0; i < count; i++)
        sum += get_ordered(&cell_of(board, i, service)->active);
    return sum;
}

/* A connection that moved from a slot not yet read to one that was would be
 * missed; then all are read again.  Where that does not end, it is better to
 * see too many. */
uint64_t
board_active(const struct board *board, unsigned service)
{
    const uint64_t *moves = &board->shared->moves;
    uint64_t before, after = get_ordered(moves), sum;
    int rounds = 0;

    do {
        before = after;
        sum = add_gauges(board, service);
        after = get_ordered(moves);
    } while (after != before && ++rounds < ROUNDS_MAX);
    return sum + (after - before);
}

uint64_t
board_slot_active(const struct board *board, unsigned slot, unsigned service)
{
    return get(&cell_of(board, slot, service)->active);
}

uint64_t
board_slot_counter(const struct board *board, unsigned slot, unsigned service,
    enum board_counter counter)
{
    return get(&cell_of(board, slot, service)->counters[counter]);
}

unsigned
board_least_loaded(
    const struct board *board, unsigned like, uint64_t *active)
{
    uint64_t generation = get(&slot_of(board, like)->accepting);
    unsigned count = board_slot_count(board), least = BOARD_SLOTS;

    for (unsigned i = 0; i < count; i++) {
        uint64_t here = board_slot_active(board, i, BOARD_ALL);

        if (generation == 0 ||
            get(&slot_of(board, i)->accepting) != generation ||
            (least != BOARD_SLOTS && here >= *active))
            continue;
        least = i;
        *active = here;
    }
    return least;
}

struct board_slot_info
board_slot_info(const struct board *board, unsigned slot)
{
    const struct slot *found = slot_of(board, slot);

    return (struct board_slot_info){
        .taken = get(&found->taken) != 0,
        .pid = (int)__atomic_load_n(&found->pid, __ATOMIC_RELAXED),
        .kind = (int)__atomic_load_n(&found->kind, __ATOMIC_RELAXED),
        .number = (unsigned)get(&found->number),
        .active = board_slot_active(board, slot, BOARD_ALL),
    };
}
