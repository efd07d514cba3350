#include "base/scoreboard_internal.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Static_assert(offsetof(struct scoreboard_shared, slots) %
            SCOREBOARD_PAGE_BYTES ==
        0,
    "a slot can be mapped apart");

static struct scoreboard *
scoreboard_alloc(void)
{
    struct scoreboard *board = calloc(1, sizeof(*board));

    if (board == NULL)
        return NULL;
    board->own_slot = SCOREBOARD_SLOTS;
    board->read_fd = board->write_fd = -1;
    return board;
}

/* The same file, as a description that can never be written through. */
static int
open_read_only(int fd)
{
    char path[32];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static bool
map_shared(struct scoreboard *board)
{
    int fd = board->write_fd;
    void *all;

    board->read_fd = open_read_only(fd);
    if (board->read_fd < 0 ||
        ftruncate(fd, (off_t)sizeof(struct scoreboard_shared)) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
        return false;
    all = mmap(NULL, sizeof(struct scoreboard_shared), PROT_READ | PROT_WRITE,
        MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (all == MAP_FAILED)
        return false;
    board->writable = all;
    board->shared = all;
    return true;
}

struct scoreboard *
scoreboard_new(void)
{
    struct scoreboard *board = scoreboard_alloc();
    int why;

    if (board == NULL)
        return NULL;
    board->write_fd =
        memfd_create("sallyport-board", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (board->write_fd >= 0 && map_shared(board)) {
        board->writable->service_count = 1;
        return board;
    }
    why = errno;
    scoreboard_free(board);
    errno = why;
    return NULL;
}

void
scoreboard_free(struct scoreboard *board)
{
    if (board == NULL)
        return;
    if (board->shared != NULL)
        munmap((void *)board->shared, sizeof(*board->shared));
    if (board->own != NULL)
        munmap(board->own, sizeof(*board->own));
    if (board->read_fd >= 0)
        close(board->read_fd);
    if (board->write_fd >= 0)
        close(board->write_fd);
    free(board->held);
    free(board);
}

int
scoreboard_write_descriptor(const struct scoreboard *board)
{
    return board->write_fd;
}

int
scoreboard_descriptor(const struct scoreboard *board)
{
    return board->read_fd;
}

/* A file of another size is no board. */
static const struct scoreboard_shared *
map_read_only(int fd)
{
    struct stat file;
    void *all;

    if (fstat(fd, &file) != 0)
        return NULL;
    if (file.st_size != (off_t)sizeof(struct scoreboard_shared)) {
        errno = EINVAL;
        return NULL;
    }
    all = mmap(
        NULL, sizeof(struct scoreboard_shared), PROT_READ, MAP_SHARED, fd, 0);
    return all != MAP_FAILED ? all : NULL;
}

struct scoreboard *
scoreboard_open(int fd)
{
    struct scoreboard *board = scoreboard_alloc();

    if (board == NULL)
        return NULL;
    board->shared = map_read_only(fd);
    if (board->shared == NULL) {
        scoreboard_free(board);
        return NULL;
    }
    return board;
}

static struct scoreboard_slot *
map_slot(int write_fd, unsigned slot)
{
    off_t at = (off_t)(offsetof(struct scoreboard_shared, slots) +
        slot * sizeof(struct scoreboard_slot));
    void *own = mmap(NULL, sizeof(struct scoreboard_slot),
        PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, write_fd, at);

    return own != MAP_FAILED ? own : NULL;
}

struct scoreboard *
scoreboard_open_slot(int fd, int write_fd, unsigned slot)
{
    struct scoreboard *board = scoreboard_open(fd);

    if (board == NULL)
        return NULL;
    board->own_slot = slot;
    board->own = map_slot(write_fd, slot);
    board->held = calloc(SCOREBOARD_SERVICES, sizeof(*board->held));
    if (board->own == NULL || board->held == NULL) {
        scoreboard_free(board);
        return NULL;
    }
    return board;
}

struct scoreboard_slot *
scoreboard_slot_own(struct scoreboard *board, unsigned slot)
{
    if (board->writable != NULL)
        return &board->writable->slots[slot];
    assert(slot == board->own_slot);
    return board->own;
}

unsigned
scoreboard_service_count(const struct scoreboard *board)
{
    uint64_t count =
        __atomic_load_n(&board->shared->service_count, __ATOMIC_ACQUIRE);

    return count <= SCOREBOARD_SERVICES ? (unsigned)count : SCOREBOARD_SERVICES;
}

unsigned
scoreboard_slot_count(const struct scoreboard *board)
{
    uint64_t count = scoreboard_get_ordered(&board->shared->slot_count);

    return count <= SCOREBOARD_SLOTS ? (unsigned)count : SCOREBOARD_SLOTS;
}

unsigned
scoreboard_service_find(const struct scoreboard *board, const char *name)
{
    unsigned count = scoreboard_service_count(board);

    for (unsigned i = SCOREBOARD_ALL + 1; i < count; i++)
        if (strncmp(board->shared->names[i], name, SCOREBOARD_NAME_SIZE) == 0)
            return i;
    return SCOREBOARD_ALL;
}

/* A look first: most are 0. */
static void
clear_number(uint64_t *number)
{
    if (scoreboard_get(number) != 0)
        scoreboard_set_ordered(number, 0);
}

static void
clear_gauges(struct scoreboard_cell *cell)
{
    for (size_t i = 0; i < metrics_count(); i++) {
        const struct metric *metric = metrics_at(i);

        for (unsigned j = 0; j < metric->cells; j++)
            if (metric->kind == METRIC_GAUGE)
                clear_number(&cell->metrics[metric->first + j]);
    }
    clear_number(&cell->waiting);
}

/* A process that was taken over may have written to cells of no service before its
 * end: that of a new one begins without its connections. */
static void
clear_left_cells(struct scoreboard *board, unsigned service)
{
    unsigned count = scoreboard_slot_count(board);

    for (unsigned i = 0; i < count; i++)
        if (!board->taken[i])
            clear_gauges(&board->writable->slots[i].cells[service]);
}

unsigned
scoreboard_service_index(struct scoreboard *board, const char *name)
{
    struct scoreboard_shared *shared = board->writable;
    unsigned found = scoreboard_service_find(board, name);
    unsigned count = scoreboard_service_count(board);

    if (found != SCOREBOARD_ALL || count == SCOREBOARD_SERVICES ||
        strlen(name) >= SCOREBOARD_NAME_SIZE)
        return found;
    clear_left_cells(board, count);
    memcpy(shared->names[count], name, strlen(name) + 1);
    __atomic_store_n(&shared->service_count, count + 1, __ATOMIC_RELEASE);
    return count;
}

/* A copy, because only that can be trusted to have an end. */
const char *
scoreboard_service_name(const struct scoreboard *board, unsigned service)
{
    char *copy = ((struct scoreboard *)board)->name;

    if (service >= scoreboard_service_count(board))
        return "";
    memcpy(copy, board->shared->names[service], SCOREBOARD_NAME_SIZE - 1);
    return copy;
}

void
scoreboard_raise_most(struct scoreboard *board, unsigned service, uint64_t most)
{
    uint64_t *now = &board->writable->most[service];

    if (most > scoreboard_get(now))
        scoreboard_set_ordered(now, most);
}

unsigned
scoreboard_slot_take(struct scoreboard *board, int kind, unsigned number)
{
    struct scoreboard_shared *shared = board->writable;
    struct scoreboard_entry *entry;
    unsigned taken = 0;

    while (taken < SCOREBOARD_SLOTS && board->taken[taken])
        taken++;
    if (taken == SCOREBOARD_SLOTS)
        return SCOREBOARD_SLOTS;
    board->taken[taken] = true;
    entry = &shared->entries[taken];
    entry->kind = kind;
    entry->number = number;
    scoreboard_beat(board, taken, 0);
    scoreboard_set(&entry->taken, 1);
    if (taken >= scoreboard_slot_count(board))
        scoreboard_set_ordered(&shared->slot_count, taken + 1);
    return taken;
}

void
scoreboard_slot_set_pid(struct scoreboard *board, unsigned slot, int pid)
{
    __atomic_store_n(
        &board->writable->entries[slot].pid, pid, __ATOMIC_RELAXED);
}

void
scoreboard_slot_release(struct scoreboard *board, unsigned slot)
{
    struct scoreboard_slot *own = &board->writable->slots[slot];
    unsigned count = scoreboard_service_count(board);

    clear_number(&own->accepting);
    clear_number(&own->away);
    for (unsigned i = 0; i < count; i++)
        clear_gauges(&own->cells[i]);
    clear_number(&own->waits);
    scoreboard_slot_set_pid(board, slot, 0);
    scoreboard_set(&board->writable->entries[slot].taken, 0);
    board->taken[slot] = false;
}

void
scoreboard_beat(struct scoreboard *board, unsigned slot, uint64_t now_ms)
{
    scoreboard_set(&board->writable->entries[slot].beaten_ms, now_ms);
}

uint64_t
scoreboard_beaten_ms(const struct scoreboard *board, unsigned slot)
{
    return scoreboard_get(&board->shared->entries[slot].beaten_ms);
}
