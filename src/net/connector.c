#include "net/connector.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "net/address_order.h"
#include "net/connector_internal.h"
#include "net/loop.h"
#include "net/resolver.h"

enum {
    PACE_MS = 250, /* RFC 8305 8: Connection Attempt Delay */
    PUT_OFF_MOST = 64,
};

const char *
connector_result_text(enum connector_result result)
{
    static const char *const texts[] = {
        [CONNECTOR_CONNECTED] = "connected",
        [CONNECTOR_REFUSED] = "refused",
        [CONNECTOR_TIMEOUT] = "no answer",
        [CONNECTOR_UNREACHABLE] = "unreachable",
        [CONNECTOR_FORBIDDEN] = "permission denied",
        [CONNECTOR_UNRESOLVED] = "name not resolved",
        [CONNECTOR_EXHAUSTED] = "no descriptor or memory left here",
        [CONNECTOR_PORTLESS] = "no local port left",
        [CONNECTOR_SELF] = "no server, the socket was connected to itself",
        [CONNECTOR_RETURNS] = "leads back to this service",
        [CONNECTOR_OVERTAKEN] = "no answer yet when another accepted",
    };

    return texts[result];
}

static uint64_t
time_left_ms(const struct connector *connector)
{
    uint64_t now_ms = clock_now_ms();

    return now_ms < connector->deadline_ms ? connector->deadline_ms - now_ms
                                           : 0;
}

size_t
connector_find_target(
    const struct connector *connector, enum target_state state)
{
    size_t i = 0;

    while (i < connector->count && connector->states[i] != state)
        i++;
    return i;
}

bool
connector_has_target(
    const struct connector *connector, enum target_state state)
{
    return connector_find_target(connector, state) < connector->count;
}

/* The endpoint after the current one; those that were put off come when all
 * others are through.  The count: there is none. */
static size_t
following_endpoint(const struct connector *connector, bool *second_round)
{
    size_t count = connector->spec.service->connect.count;
    size_t next = connector->endpoint + 1; /* SIZE_MAX + 1 at first */

    *second_round = connector->second_round;
    if (!*second_round) {
        if (next < count)
            return next;
        *second_round = true;
        next = 0;
    }
    while (next < count && (next >= PUT_OFF_MOST ||
               (connector->put_off >> next & 1) == 0))
        next++;
    return next;
}

bool
connector_has_more_endpoints(const struct connector *connector)
{
    bool second_round;

    return following_endpoint(connector, &second_round) <
        connector->spec.service->connect.count;
}

static void
arm_timer(struct connector *connector, uint64_t delay_ms)
{
    struct timeval delay = clock_span(delay_ms);

    event_add(&connector->timer, &delay);
    if (connector->spec.waits != NULL)
        connector->spec.waits(connector->spec.arg);
}

/* Time for what comes next: the next address (none may use up the time of those
 * behind it), another try, the end. */
void
connector_schedule(struct connector *connector)
{
    uint64_t left_ms = time_left_ms(connector), delay_ms = left_ms, fresh = 0;

    for (size_t i = 0; i < connector->count; i++)
        fresh += connector->states[i] == TARGET_NEW;
    if (fresh > 0) {
        delay_ms = left_ms / (fresh + 1);
        delay_ms = delay_ms < PACE_MS ? delay_ms : PACE_MS;
    }
    if (connector_has_target(connector, TARGET_LATER) &&
        connector->retry_ms < delay_ms)
        delay_ms = connector->retry_ms;
    arm_timer(connector, delay_ms);
}

static void
free_addresses(struct connector *connector)
{
    if (connector->addresses != &connector->only)
        free(connector->addresses);
}

void
connector_cancel(struct connector *connector)
{
    if (connector == NULL)
        return;
    resolver_cancel(connector->query);
    for (size_t i = 0; i < ATTEMPTS_MOST; i++)
        connector_drop_attempt(&connector->attempts[i]);
    event_del(&connector->timer);
    free_addresses(connector);
    *connector->handle = NULL;
    free(connector);
}

static void
finish_failed(struct connector *connector)
{
    const struct endpoint *endpoint =
        connector_endpoint(connector, connector->failed_endpoint);
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
    for (size_t i = 0; i < ATTEMPTS_MOST; i++)
        if (connector->attempts[i].fd >= 0)
            connector_fail_attempt(&connector->attempts[i], CONNECTOR_TIMEOUT);
    for (size_t i = 0; i < connector->count; i++)
        if (connector->states[i] == TARGET_LATER)
            connector_fail_target(connector, i, connector->later);
        else
            connector->states[i] = TARGET_USED;
}

/* The name took too long, or the addresses did, or it is time for one more. */
static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct connector *connector = arg;

    (void)fd;
    (void)what;
    if (connector->query != NULL) {
        resolver_cancel(connector->query);
        connector_note_failure(connector, CONNECTOR_UNRESOLVED, NULL);
    } else if (time_left_ms(connector) == 0) {
        give_up_endpoint(connector);
    }
    for (size_t i = 0; i < connector->count; i++)
        if (connector->states[i] == TARGET_LATER)
            connector->states[i] = TARGET_NEW;
    connector_go_on(connector);
}

static bool
is_silent(void *arg, const struct address *address)
{
    struct connector *connector = arg;

    return silent_addresses_avoid(
        &connector->spec.memory->silent, address, clock_now_ms());
}

/* Those that were silent lately come last, and an endpoint that has no others
 * after the other endpoints. */
static void
arrange(struct connector *connector)
{
    bool known = connector->spec.memory->silent.count > 0;
    size_t last;

    address_order_interleave(connector->addresses, connector->count);
    last = known ? address_order_defer(connector->addresses, connector->count,
                       is_silent, connector)
                 : 0;
    if (last < connector->count || connector->second_round ||
        connector->endpoint >= PUT_OFF_MOST)
        return;
    connector->put_off |= UINT64_C(1) << connector->endpoint;
    connector->count = 0;
}

/* In one piece with their states, all of them TARGET_NEW. */
static bool
take_addresses(struct connector *connector, const struct address *addresses,
    size_t count)
{
    struct address *copy = calloc(count, sizeof(*copy) + 1);

    if (copy == NULL) {
        connector_note_failure(connector, CONNECTOR_EXHAUSTED, NULL);
        return false;
    }
    memcpy(copy, addresses, count * sizeof(*copy));
    free_addresses(connector);
    connector->addresses = copy;
    connector->states = (uint8_t *)(copy + count);
    connector->count = count;
    return true;
}

/* The one that the configuration names. */
static void
take_address(struct connector *connector, const struct address *address)
{
    free_addresses(connector);
    connector->only = *address;
    connector->only_state = TARGET_NEW;
    connector->addresses = &connector->only;
    connector->states = &connector->only_state;
    connector->count = 1;
}

static void
on_resolved(void *arg, enum resolver_result result,
    const struct address *addresses, size_t count)
{
    struct connector *connector = arg;

    if (result != RESOLVER_FOUND)
        connector_note_failure(connector, CONNECTOR_UNRESOLVED, NULL);
    else if (take_addresses(connector, addresses, count)) {
        for (size_t i = 0; i < count; i++)
            address_set_port(&connector->addresses[i],
                connector_endpoint(connector, connector->endpoint)->port);
        arrange(connector);
    }
    connector_go_on(connector);
}

/* False: its name is looked up; the connector may be gone. */
static bool
begin_endpoint(struct connector *connector)
{
    const struct endpoint *endpoint =
        connector_endpoint(connector, connector->endpoint);
    uint64_t timeout_ms = connector->spec.service->connect_timeout_ms;
    struct address address;
    bool known;

    connector->count = 0;
    connector->deadline_ms = clock_now_ms() + timeout_ms;
    known = endpoint->kind == ENDPOINT_UNIX
        ? address_from_path(&address, endpoint->path)
        : address_from_numeric(&address, endpoint->host, endpoint->port);
    if (known) {
        take_address(connector, &address);
        arrange(connector);
        return true;
    }
    arm_timer(connector, timeout_ms);
    /* The answer may come at once, and the connector be gone by then. */
    resolver_start(connector->spec.resolver, endpoint->host, on_resolved,
        connector, &connector->query);
    return false;
}

void
connector_go_on(struct connector *connector)
{
    for (;;) {
        size_t target = connector_find_target(connector, TARGET_NEW);

        if (target < connector->count) {
            if (connector_try_target(connector, target))
                return;
        } else if (connector_has_target(connector, TARGET_TRYING) ||
            connector_has_target(connector, TARGET_LATER)) {
            connector_schedule(connector);
            return;
        } else if (!connector_has_more_endpoints(connector)) {
            finish_failed(connector);
            return;
        } else {
            connector->endpoint =
                following_endpoint(connector, &connector->second_round);
            if (!begin_endpoint(connector))
                return;
        }
    }
}

void
connector_start(const struct connector_spec *spec, struct connector **handle)
{
    struct connector *connector = calloc(1, sizeof(*connector));

    *handle = connector;
    if (connector == NULL) {
        spec->done(spec->arg, CONNECTOR_EXHAUSTED, -1,
            &spec->service->connect.items[0], NULL);
        return;
    }
    connector->spec = *spec;
    connector->handle = handle;
    connector->endpoint = SIZE_MAX; /* before the first */
    for (size_t i = 0; i < ATTEMPTS_MOST; i++) {
        connector->attempts[i].connector = connector;
        connector->attempts[i].fd = -1;
    }
    evtimer_assign(&connector->timer, spec->loop->base, on_timer, connector);
    connector_go_on(connector);
}

void
connector_next(struct connector *connector, bool silent)
{
    if (silent)
        connector_remember_silent(
            connector, &connector->addresses[connector->won]);
    connector->deadline_ms =
        clock_now_ms() + connector->spec.service->connect_timeout_ms;
    connector_go_on(connector);
}
