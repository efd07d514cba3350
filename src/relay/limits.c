#include "relay/limits.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/scoreboard.h"
#include "config/config.h"
#include "net/loop.h"
#include "relay/limits_share.h"
#include "relay/relay.h"
#include "relay/service.h"
#include "relay/share.h"

/* A service at its limit comes and goes many times a second. */
enum { LOG_EVERY_MS = 10000 };

/* Another worker may be dead, stuck or taken over, and send no wake. */
enum { LOOK_AGAIN_MS = 250 };

/*
 * Why no worker waits for good: one that finds no room counts itself out, wakes
 * the others, which it may have been in the way of, marks itself as waiting and
 * looks once more.  All of this has one order in all processes.  So either its
 * mark was there when another process counted out, which then wakes it; or that
 * was before its last look, which found the room.  A second word is sent only to
 * a worker that has marked itself anew, which it does before each look.
 *
 * A worker has its own part of each limit as well (limits_share.h), and waits
 * for itself when that is used up.
 */

static void
log_limit(struct relay *relay, const char *service, uint64_t most)
{
    if (scoreboard_notice_is_due(
            relay->board, relay->slot, SCOREBOARD_NOTICE_LIMIT, LOG_EVERY_MS))
        log_warn(service,
            "max_connections = %llu is reached: more clients wait until a "
            "connection ends",
            (unsigned long long)most);
}

static void
count_in(struct relay *relay, unsigned index)
{
    scoreboard_gauge_enter(relay->board, relay->slot, SCOREBOARD_ALL);
    if (index != SCOREBOARD_ALL)
        scoreboard_gauge_enter(relay->board, relay->slot, index);
}

static void
count_out(struct relay *relay, unsigned index)
{
    scoreboard_gauge_leave(relay->board, relay->slot, SCOREBOARD_ALL);
    if (index != SCOREBOARD_ALL)
        scoreboard_gauge_leave(relay->board, relay->slot, index);
}

/* How many connections the service may have in all processes. */
static uint64_t
share_limit_of(const struct relay *relay, const struct service *service)
{
    return limits_share_of_service(relay->max_connections,
        relay->service_count, service->config->max_connections);
}

/* False: the limit of all services is met first, so there is nothing to count. */
static bool
is_bounded(const struct relay *relay, const struct service *service)
{
    return share_limit_of(relay, service) < relay->max_connections;
}

/* More than `most` in all, or than our part of it here: by `more` than there
 * are. */
static bool
is_over_limit(const struct relay *relay, unsigned index, uint64_t most,
    uint64_t more)
{
    uint64_t here = scoreboard_slot_active(relay->board, relay->slot, index);

    return here + more > limits_share_of_process(most, relay->workers) ||
        scoreboard_active(relay->board, index) + more > most;
}

static bool
has_room(const struct relay *relay)
{
    return !is_over_limit(relay, SCOREBOARD_ALL, relay->max_connections, 1);
}

/* A service without a column on the scoreboard is counted in this process only. */
static bool
is_service_over(
    const struct relay *relay, const struct service *service, uint64_t more)
{
    uint64_t most = share_limit_of(relay, service);

    if (!is_bounded(relay, service))
        return false;
    if (service->index == SCOREBOARD_ALL)
        return service->connections + 1 > most;
    return is_over_limit(relay, service->index, most, more);
}

static bool
service_has_room(const struct relay *relay, const struct service *service)
{
    return !is_service_over(relay, service, 1);
}

/* Marks us as waiting; false if there is room by now. */
static bool
must_wait(const struct relay *relay)
{
    scoreboard_set_waiting(relay->board, relay->slot, SCOREBOARD_ALL, true);
    if (!has_room(relay))
        return true;
    scoreboard_set_waiting(relay->board, relay->slot, SCOREBOARD_ALL, false);
    return false;
}

static bool
service_must_wait(const struct relay *relay, const struct service *service)
{
    unsigned index = service->index;

    if (index == SCOREBOARD_ALL)
        return !service_has_room(relay, service);
    scoreboard_set_waiting(relay->board, relay->slot, index, true);
    if (!service_has_room(relay, service))
        return true;
    scoreboard_set_waiting(relay->board, relay->slot, index, false);
    return false;
}

/* How many clients of a shared address may wait in this process to be decided. */
static uint64_t
undecided_limit(const struct relay *relay)
{
    uint64_t most = limits_share_of_service(
        relay->max_connections, relay->service_count, 0);

    return limits_share_of_process(most, relay->workers);
}

static bool
share_has_room(const struct relay *relay, const struct share *share)
{
    return share->undecided < undecided_limit(relay);
}

static bool
must_pause(const struct relay *relay, const struct limit_waiter *waiter)
{
    if (relay->paused)
        return true;
    return waiter->share != NULL ? !share_has_room(relay, waiter->share)
                                 : waiter->service->paused;
}

void
limits_update(const struct relay *relay, struct limit_waiter *waiter)
{
    bool paused = must_pause(relay, waiter);

    if (paused == waiter->paused)
        return;
    waiter->paused = paused;
    waiter->changed(waiter->arg, paused);
}

void
limits_join(struct relay *relay, struct limit_waiter *waiter)
{
    LIST_INSERT_HEAD(&relay->waiters, waiter, entry);
    limits_update(relay, waiter);
}

void
limits_part(struct limit_waiter *waiter)
{
    LIST_REMOVE(waiter, entry);
}

static void
update_all(struct relay *relay)
{
    struct limit_waiter *waiter;

    LIST_FOREACH(waiter, &relay->waiters, entry)
        limits_update(relay, waiter);
}

static void
wake_slot(struct relay *relay, unsigned slot)
{
    if (slot == relay->slot)
        limits_recheck(relay);
    else if (relay->wake != NULL)
        relay->wake(relay->arg, slot);
}

static void
wake_waiting(struct relay *relay, unsigned index)
{
    struct scoreboard *board = relay->board;
    unsigned count = scoreboard_slot_count(board);

    for (unsigned i = 0; i < count; i++)
        if (scoreboard_must_wake(board, i, index))
            wake_slot(relay, i);
}

/* A service without a column waits for connections of this process only. */
static void
wake_own(struct relay *relay)
{
    const struct limit_waiter *waiter;

    LIST_FOREACH(waiter, &relay->waiters, entry) {
        const struct service *service = waiter->service;

        if (service->paused && service->index == SCOREBOARD_ALL) {
            limits_recheck(relay);
            return;
        }
    }
}

void
limits_leave(struct relay *relay, unsigned index)
{
    count_out(relay, index);
    if (scoreboard_any_waiting(relay->board))
        wake_waiting(relay, index);
    if (index == SCOREBOARD_ALL)
        wake_own(relay);
}

static void
on_look_again(void *arg)
{
    limits_recheck(arg);
}

static void
look_again_later(struct relay *relay)
{
    if (relay->loop != NULL)
        (void)!timer_start(&relay->look_again, relay->loop->base,
            on_look_again, relay, LOOK_AGAIN_MS);
}

static void
pause_all(struct relay *relay)
{
    if (!must_wait(relay))
        return;
    relay->paused = true;
    look_again_later(relay);
    log_limit(relay, NULL, relay->max_connections);
    update_all(relay);
}

static void
pause_service(struct relay *relay, struct service *service)
{
    if (!service_must_wait(relay, service))
        return;
    service->paused = true;
    look_again_later(relay);
    log_limit(relay, service->config->name, share_limit_of(relay, service));
    update_all(relay);
}

static unsigned
index_of(const struct service *service)
{
    return service != NULL ? service->index : (unsigned)SCOREBOARD_ALL;
}

bool
limits_admit(struct relay *relay, struct service *service)
{
    unsigned index = index_of(service);
    bool over, service_over;

    count_in(relay, index);
    over = is_over_limit(relay, SCOREBOARD_ALL, relay->max_connections, 0);
    service_over = service != NULL && is_service_over(relay, service, 0);
    if (!over && !service_over)
        return true;
    limits_leave(relay, index);
    if (over)
        pause_all(relay);
    else
        pause_service(relay, service);
    return false;
}

bool
limits_admit_undecided(struct relay *relay, const struct share *share)
{
    if (share_has_room(relay, share))
        return limits_admit(relay, NULL);
    log_limit(relay, share_home(share)->config->name, undecided_limit(relay));
    update_all(relay);
    return false;
}

void
limits_enter_undecided(struct share *share)
{
    share->undecided++;
}

void
limits_leave_undecided(struct relay *relay, struct share *share)
{
    bool full = !share_has_room(relay, share);

    share->undecided--;
    if (full)
        update_all(relay);
}

void
limits_enter(struct relay *relay, struct service *service)
{
    count_in(relay, index_of(service));
}

bool
limits_choose(struct relay *relay, struct service *service)
{
    if (service->index == SCOREBOARD_ALL)
        return !is_service_over(relay, service, 0);
    scoreboard_gauge_enter(relay->board, relay->slot, service->index);
    if (!is_service_over(relay, service, 0))
        return true;
    limits_unchoose(relay, service->index);
    return false;
}

void
limits_unchoose(struct relay *relay, unsigned index)
{
    if (index == SCOREBOARD_ALL)
        return;
    scoreboard_gauge_leave(relay->board, relay->slot, index);
    if (scoreboard_any_waiting(relay->board))
        wake_waiting(relay, index);
}

void
limits_take(struct relay *relay, unsigned index)
{
    count_in(relay, index);
    scoreboard_note_move(relay->board, relay->slot);
}

void
limits_recheck(struct relay *relay)
{
    const struct limit_waiter *waiter;
    bool waits;

    if (relay->paused)
        relay->paused = must_wait(relay);
    waits = relay->paused;
    LIST_FOREACH(waiter, &relay->waiters, entry) {
        struct service *service = waiter->service;

        if (service->paused)
            service->paused = service_must_wait(relay, service);
        waits |= service->paused;
    }
    if (waits)
        look_again_later(relay);
    update_all(relay);
}

void
limits_clear(struct relay *relay)
{
    timer_close(&relay->look_again);
}
