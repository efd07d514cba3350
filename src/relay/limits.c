#include "relay/limits.h"

#include "base/board.h"
#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "relay/door.h"
#include "relay/relay.h"
#include "relay/service.h"

/* A service at its limit comes and goes many times a second. */
enum { LOG_EVERY_MS = 10000 };

/*
 * Why nobody waits for good: who finds no room counts itself out, looks for
 * those whom it was in the way of, marks itself as waiting and looks once more.
 * All of this has one order in all processes.  So either its mark was there when
 * somebody else counted out, who then tells it; or that was before its last
 * look, which found the room.
 */

static void
log_limit(struct relay *relay, const char *service, uint64_t most)
{
    if (clock_is_due(
            board_notice(relay->board, BOARD_NOTICE_LIMIT), LOG_EVERY_MS))
        log_warn(service,
            "max_connections = %llu is reached: more clients wait until a "
            "connection ends",
            (unsigned long long)most);
}

static void
count_in(struct relay *relay, unsigned index)
{
    board_gauge_enter(relay->board, relay->slot, BOARD_ALL);
    if (index != BOARD_ALL)
        board_gauge_enter(relay->board, relay->slot, index);
}

static void
count_out(struct relay *relay, unsigned index)
{
    board_gauge_leave(relay->board, relay->slot, BOARD_ALL);
    if (index != BOARD_ALL)
        board_gauge_leave(relay->board, relay->slot, index);
}

/* How many a service has in all processes; in this one only if the board has no
 * column for it. */
static uint64_t
active_of(const struct relay *relay, const struct service *service)
{
    return service->index != BOARD_ALL
        ? board_active(relay->board, service->index)
        : service->connections;
}

/* 0: without limit. */
static uint64_t
most_of(const struct service *service)
{
    return service->config->max_connections;
}

static bool
has_room(const struct relay *relay)
{
    return board_active(relay->board, BOARD_ALL) < relay->max_connections;
}

static bool
service_has_room(const struct relay *relay, const struct service *service)
{
    return most_of(service) == 0 ||
        active_of(relay, service) < most_of(service);
}

/* Marks us as waiting; false if there is room by now. */
static bool
must_wait(const struct relay *relay)
{
    board_set_waiting(relay->board, relay->slot, BOARD_ALL, true);
    if (!has_room(relay))
        return true;
    board_set_waiting(relay->board, relay->slot, BOARD_ALL, false);
    return false;
}

static bool
service_must_wait(const struct relay *relay, const struct service *service)
{
    unsigned index = service->index;

    if (index == BOARD_ALL)
        return !service_has_room(relay, service);
    board_set_waiting(relay->board, relay->slot, index, true);
    if (!service_has_room(relay, service))
        return true;
    board_set_waiting(relay->board, relay->slot, index, false);
    return false;
}

static void
update_doors(struct relay *relay)
{
    for (struct door *door = relay->doors; door != NULL;
         door = door_next(door))
        door_update(door);
}

static void
wake(struct relay *relay, unsigned slot)
{
    if (slot == relay->slot)
        limits_recheck(relay);
    else if (relay->wake != NULL)
        relay->wake(relay->arg, slot);
}

static void
wake_waiting(struct relay *relay, unsigned index)
{
    struct board *board = relay->board;
    unsigned count = board_slot_count(board);

    for (unsigned i = 0; i < count; i++) {
        bool any = board_take_waiting(board, i, BOARD_ALL);
        bool one = index != BOARD_ALL && board_take_waiting(board, i, index);

        if (any || one)
            wake(relay, i);
    }
}

/* A service without a column waits for connections of this process only. */
static void
wake_own(struct relay *relay)
{
    for (struct door *door = relay->doors; door != NULL;
         door = door_next(door)) {
        const struct service *service = door_service(door);

        if (service->paused && service->index == BOARD_ALL) {
            limits_recheck(relay);
            return;
        }
    }
}

void
limits_leave(struct relay *relay, unsigned index)
{
    count_out(relay, index);
    if (board_any_waiting(relay->board))
        wake_waiting(relay, index);
    if (index == BOARD_ALL)
        wake_own(relay);
}

static void
pause_all(struct relay *relay)
{
    if (!must_wait(relay))
        return;
    relay->paused = true;
    log_limit(relay, NULL, relay->max_connections);
    update_doors(relay);
}

static void
pause_service(struct relay *relay, struct service *service)
{
    if (!service_must_wait(relay, service))
        return;
    service->paused = true;
    log_limit(relay, service->config->name, most_of(service));
    update_doors(relay);
}

/* With ourselves counted in on the board, and not in service->connections. */
static bool
is_service_over(const struct relay *relay, const struct service *service)
{
    uint64_t own = service->index == BOARD_ALL ? 1 : 0;

    return most_of(service) > 0 &&
        active_of(relay, service) + own > most_of(service);
}

bool
limits_admit(struct relay *relay, struct service *service)
{
    bool over, service_over;

    count_in(relay, service->index);
    over = board_active(relay->board, BOARD_ALL) > relay->max_connections;
    service_over = is_service_over(relay, service);
    if (!over && !service_over)
        return true;
    limits_leave(relay, service->index);
    if (over)
        pause_all(relay);
    else
        pause_service(relay, service);
    return false;
}

void
limits_enter(struct relay *relay, struct service *service)
{
    count_in(relay, service->index);
}

void
limits_move(struct relay *relay, unsigned index, unsigned from, unsigned to)
{
    board_gauge_move(relay->board, BOARD_ALL, from, to);
    if (index != BOARD_ALL)
        board_gauge_move(relay->board, index, from, to);
}

void
limits_recheck(struct relay *relay)
{
    if (relay->paused)
        relay->paused = must_wait(relay);
    for (struct door *door = relay->doors; door != NULL;
         door = door_next(door)) {
        struct service *service = door_service(door);

        if (service->paused)
            service->paused = service_must_wait(relay, service);
    }
    update_doors(relay);
}
