#include "net/connector.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/clock.h"
#include "config/config.h"
#include "net/address_order.h"
#include "net/connector_attempt.h"
#include "net/connector_targets.h"
#include "net/endpoint_order.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "net/timer.h"

enum {
    ATTEMPTS_MOST = 4, /* at once; then the oldest is given up */
    PACE_MS = 250,     /* RFC 8305 8: Connection Attempt Delay */
};

struct connector {
    struct connector_spec spec;
    struct connector **handle;
    struct resolver_query *query;
    struct endpoint_order order;
    struct connector_targets targets; /* the current endpoint's addresses */
    size_t won;
    uint64_t deadline_ms;        /* of that endpoint */
    uint64_t retry_ms;           /* until what is to be tried later */
    enum connector_result later; /* why something is tried later */
    struct timer timer;
    struct connector_attempts shared;
    struct connector_attempt attempts[ATTEMPTS_MOST];

    /* The last failure. */
    enum connector_result result;
    const struct endpoint *failed_endpoint;
    struct address failed_address; /* length 0: none */
};

static void try_next_target(struct connector *connector);

static const struct endpoint *
current_endpoint(const struct connector *connector)
{
    return &connector->spec.service->connect.items[connector->order.now];
}

static uint64_t
time_left_ms(const struct connector *connector)
{
    uint64_t now_ms = clock_now_ms();

    return now_ms < connector->deadline_ms ? connector->deadline_ms - now_ms
                                           : 0;
}

static void
arm_connector_timer(struct connector *connector, uint64_t delay_ms)
{
    timer_set(&connector->timer, delay_ms);
    if (connector->spec.waits != NULL)
        connector->spec.waits(connector->spec.arg);
}

/* Time for what comes next: the next address (none may use up the time of those
 * behind it), another try, the end. */
static void
schedule_next_try(struct connector *connector)
{
    const struct connector_targets *targets = &connector->targets;
    uint64_t left_ms = time_left_ms(connector), delay_ms = left_ms;
    uint64_t fresh = connector_targets_count(targets, TARGET_NEW);

    if (fresh > 0) {
        delay_ms = left_ms / (fresh + 1);
        delay_ms = delay_ms < PACE_MS ? delay_ms : PACE_MS;
    }
    if (connector_targets_has(targets, TARGET_LATER) &&
        connector->retry_ms < delay_ms)
        delay_ms = connector->retry_ms;
    arm_connector_timer(connector, delay_ms);
}

void
connector_cancel(struct connector *connector)
{
    if (connector == NULL)
        return;
    resolver_cancel(connector->query);
    for (size_t i = 0; i < ATTEMPTS_MOST; i++)
        connector_attempt_drop(&connector->attempts[i]);
    timer_close(&connector->timer);
    connector_targets_clear(&connector->targets);
    *connector->handle = NULL;
    free(connector);
}

/* Failures. */

/* Keeps and tells what failed.  `address` NULL: none is known. */
static void
note_connect_failure(struct connector *connector, enum connector_result why,
    const struct address *address)
{
    const struct connector_spec *spec = &connector->spec;

    if (why != CONNECTOR_OVERTAKEN) {
        connector->result = why;
        connector->failed_endpoint = current_endpoint(connector);
        connector->failed_address.length = 0;
        if (address != NULL)
            connector->failed_address = *address;
    }
    if (spec->failed != NULL)
        spec->failed(spec->arg, why,
            current_endpoint(connector), address);
}

static void
remember_silent(struct connector *connector, const struct address *address)
{
    connector_memory_add_silent(
        connector->spec.memory, address, connector->spec.service->name);
}

static void
fail_target(
    struct connector *connector, size_t target, enum connector_result why)
{
    const struct address *address = &connector->targets.addresses[target];

    connector->targets.states[target] = TARGET_USED;
    if (why == CONNECTOR_TIMEOUT)
        remember_silent(connector, address);
    note_connect_failure(connector, why, address);
}

static size_t
target_of(const struct connector *connector,
    const struct connector_attempt *attempt)
{
    return (size_t)(attempt->to - connector->targets.addresses);
}

static void
fail_connect_attempt(struct connector *connector,
    struct connector_attempt *attempt, enum connector_result why)
{
    connector_attempt_drop(attempt);
    fail_target(connector, target_of(connector, attempt), why);
}

static void
finish_failed(struct connector *connector)
{
    const struct endpoint *endpoint = connector->failed_endpoint;
    struct connector_spec spec = connector->spec;
    enum connector_result result = connector->result;
    struct address address = connector->failed_address;

    connector_cancel(connector);
    spec.done(spec.arg, result, -1, endpoint,
        address.length > 0 ? &address : NULL);
}

static void
give_up_endpoint(struct connector *connector)
{
    struct connector_targets *targets = &connector->targets;

    for (size_t i = 0; i < ATTEMPTS_MOST; i++)
        if (connector->attempts[i].fd >= 0)
            fail_connect_attempt(
                connector, &connector->attempts[i], CONNECTOR_TIMEOUT);
    for (size_t i = 0; i < targets->count; i++)
        if (targets->states[i] == TARGET_LATER)
            fail_target(connector, i, connector->later);
        else
            targets->states[i] = TARGET_USED;
}

/* The name took too long, or the addresses did, or it is time for one more. */
static void
on_connector_timer(void *arg)
{
    struct connector *connector = arg;

    if (connector->query != NULL) {
        resolver_cancel(connector->query);
        note_connect_failure(connector, CONNECTOR_UNRESOLVED, NULL);
    } else if (time_left_ms(connector) == 0) {
        give_up_endpoint(connector);
    }
    connector_targets_move(&connector->targets, TARGET_LATER, TARGET_NEW);
    try_next_target(connector);
}

/* One address each. */

/* What was silent until now is not waited for, but tried again if this server
 * proves useless. */
static void
drop_overtaken(struct connector *connector)
{
    uint64_t now_ms = clock_now_ms();

    for (size_t i = 0; i < ATTEMPTS_MOST; i++) {
        struct connector_attempt *attempt = &connector->attempts[i];

        if (attempt->fd < 0)
            continue;
        if (connector_attempt_is_silent(attempt, now_ms))
            remember_silent(connector, attempt->to);
        connector_attempt_drop(attempt);
        connector->targets.states[target_of(connector, attempt)] = TARGET_NEW;
        note_connect_failure(connector, CONNECTOR_OVERTAKEN, attempt->to);
    }
}

static void
finish_connected(
    struct connector *connector, struct connector_attempt *attempt)
{
    const struct connector_targets *targets = &connector->targets;
    const struct endpoint *endpoint = current_endpoint(connector);
    struct connector_spec spec = connector->spec;
    struct address address = *attempt->to;
    int fd = connector_attempt_release(attempt);

    timer_stop(&connector->timer);
    connector->won = target_of(connector, attempt);
    targets->states[connector->won] = TARGET_USED;
    drop_overtaken(connector);
    if (!connector_targets_has(targets, TARGET_NEW) &&
        !connector_targets_has(targets, TARGET_LATER) &&
        !endpoint_order_has_next(&connector->order))
        connector_cancel(connector);
    spec.done(spec.arg, CONNECTOR_CONNECTED, fd, endpoint, &address);
}

static void
on_attempt_ended(void *arg, struct connector_attempt *attempt,
    enum connector_result result)
{
    struct connector *connector = arg;

    if (result == CONNECTOR_CONNECTED) {
        finish_connected(connector, attempt);
        return;
    }
    fail_connect_attempt(connector, attempt, result);
    try_next_target(connector);
}

static bool
connection_would_return(
    void *arg, const struct address *to, const struct address *from)
{
    const struct connector *connector = arg;
    const struct connector_spec *spec = &connector->spec;

    return spec->returns != NULL && spec->returns(spec->arg, to, from);
}

/* One that is free; if need be the oldest is given up. */
static struct connector_attempt *
vacate_attempt(struct connector *connector)
{
    struct connector_attempt *oldest = &connector->attempts[0];

    for (size_t i = 0; i < ATTEMPTS_MOST; i++) {
        struct connector_attempt *attempt = &connector->attempts[i];

        if (attempt->fd < 0)
            return attempt;
        if (attempt->since_ms < oldest->since_ms)
            oldest = attempt;
    }
    fail_connect_attempt(connector, oldest, CONNECTOR_TIMEOUT);
    return oldest;
}

/* Ports are counted for each address: for another server some may be free. */
static void
fail_or_put_off(
    struct connector *connector, size_t target, enum connector_result why)
{
    if (why == CONNECTOR_PORTLESS &&
        endpoint_order_has_next(&connector->order)) {
        fail_target(connector, target, why);
        return;
    }
    connector->targets.states[target] = TARGET_LATER;
    connector->later = why;
    connector->retry_ms = connector_attempt_retry_ms(why);
}

/* True: it waits, or the connector has finished and may be gone. */
static bool
try_target(struct connector *connector, size_t target)
{
    struct connector_attempt *attempt = vacate_attempt(connector);
    enum connector_result result;

    switch (connector_attempt_begin(
        attempt, &connector->targets.addresses[target], &result)) {
    case ATTEMPT_WAITS:
        connector->targets.states[target] = TARGET_TRYING;
        schedule_next_try(connector);
        return true;
    case ATTEMPT_CONNECTED:
        finish_connected(connector, attempt);
        return true;
    case ATTEMPT_SHORT:
        fail_or_put_off(connector, target, result);
        return false;
    case ATTEMPT_FAILED:
        break;
    }
    fail_target(connector, target, result);
    return false;
}

/* One endpoint each. */

static bool
is_silent_lately(void *arg, const struct address *address)
{
    struct connector *connector = arg;

    return silent_addresses_avoid(
        &connector->spec.memory->silent, address, clock_now_ms());
}

/* Addresses that were silent lately come last, and an endpoint that has no
 * others after the other endpoints. */
static void
arrange_targets(struct connector *connector)
{
    struct connector_targets *targets = &connector->targets;
    bool known = connector->spec.memory->silent.count > 0;
    size_t last;

    address_order_interleave(targets->addresses, targets->count);
    last = known ? address_order_defer(targets->addresses, targets->count,
                       is_silent_lately, connector)
                 : 0;
    if (last == targets->count && endpoint_order_put_off(&connector->order))
        targets->count = 0;
}

static void
on_endpoint_resolved(void *arg, enum resolver_result result,
    const struct address *addresses, size_t count)
{
    struct connector *connector = arg;
    struct connector_targets *targets = &connector->targets;

    if (result != RESOLVER_FOUND) {
        note_connect_failure(connector, CONNECTOR_UNRESOLVED, NULL);
    } else if (!connector_targets_set(targets, addresses, count)) {
        note_connect_failure(connector, CONNECTOR_EXHAUSTED, NULL);
    } else {
        for (size_t i = 0; i < count; i++)
            address_set_port(&targets->addresses[i],
                current_endpoint(connector)->port);
        arrange_targets(connector);
    }
    try_next_target(connector);
}

/* False: its name is looked up; the connector may be gone. */
static bool
begin_endpoint(struct connector *connector)
{
    const struct endpoint *endpoint = current_endpoint(connector);
    uint64_t timeout_ms = connector->spec.service->connect_timeout_ms;
    struct address address;
    bool known;

    connector->targets.count = 0;
    connector->deadline_ms = clock_now_ms() + timeout_ms;
    known = endpoint->kind == ENDPOINT_UNIX
        ? address_from_path(&address, endpoint->path)
        : address_from_numeric(&address, endpoint->host, endpoint->port);
    if (known) {
        connector_targets_set_one(&connector->targets, &address);
        arrange_targets(connector);
        return true;
    }
    arm_connector_timer(connector, timeout_ms);
    /* The answer may come at once, and the connector be gone by then. */
    resolver_start(connector->spec.resolver, endpoint->host,
        on_endpoint_resolved, connector, &connector->query);
    return false;
}

/* Tries what comes next, until there is something to wait for.  Comes last: it
 * may finish the connector. */
static void
try_next_target(struct connector *connector)
{
    const struct connector_targets *targets = &connector->targets;

    for (;;) {
        size_t target = connector_targets_find(targets, TARGET_NEW);

        if (target < targets->count) {
            if (try_target(connector, target))
                return;
        } else if (connector_targets_has(targets, TARGET_TRYING) ||
            connector_targets_has(targets, TARGET_LATER)) {
            schedule_next_try(connector);
            return;
        } else if (!endpoint_order_has_next(&connector->order)) {
            finish_failed(connector);
            return;
        } else {
            endpoint_order_advance(&connector->order);
            if (!begin_endpoint(connector))
                return;
        }
    }
}

/* NULL: out of memory. */
static struct connector *
new_connector(const struct connector_spec *spec)
{
    struct connector *connector = calloc(1, sizeof(*connector));

    if (connector == NULL)
        return NULL;
    if (!timer_open(&connector->timer, spec->loop->base, on_connector_timer,
            connector)) {
        free(connector);
        return NULL;
    }
    connector->spec = *spec;
    connector->failed_endpoint = &spec->service->connect.items[0];
    endpoint_order_init(&connector->order, spec->service->connect.count);
    connector->shared = (struct connector_attempts){
        .base = spec->loop->base,
        .memory = spec->memory,
        .service = spec->service,
        .returns = connection_would_return,
        .ended = on_attempt_ended,
        .arg = connector,
    };
    for (size_t i = 0; i < ATTEMPTS_MOST; i++)
        connector_attempt_init(&connector->attempts[i], &connector->shared);
    return connector;
}

void
connector_start(const struct connector_spec *spec, struct connector **handle)
{
    struct connector *connector = new_connector(spec);

    *handle = connector;
    if (connector == NULL) {
        spec->done(spec->arg, CONNECTOR_EXHAUSTED, -1,
            &spec->service->connect.items[0], NULL);
        return;
    }
    connector->handle = handle;
    try_next_target(connector);
}

void
connector_next(struct connector *connector, bool silent)
{
    if (silent)
        remember_silent(
            connector, &connector->targets.addresses[connector->won]);
    connector->deadline_ms =
        clock_now_ms() + connector->spec.service->connect_timeout_ms;
    try_next_target(connector);
}
