#include "turn_check.h"

#include <event2/event.h>

#include <criterion/criterion.h>

#include "net/stream.h"
#include "relay/conn_relay.h"
#include "relay/conn_state.h"
#include "relay/flow.h"
#include "relay/pipe_pool.h"
#include "tls/tls_stream.h"

static bool
is_armed(const struct stream *stream, short what)
{
    return stream_is_open(stream) &&
        event_pending(&stream->event, what, NULL) == what;
}

static bool
has_timer(const struct conn *conn)
{
    return timer_is_set(&conn->timer);
}

/* The next turn looks at it in any case. */
static bool
is_deferred(const struct conn *conn)
{
    return conn->task.queued;
}

/* What the stream believes is armed is. */
static void
check_arming(const struct stream *stream)
{
    if (stream_is_open(stream))
        cr_assert_eq(
            event_pending(&stream->event, EV_READ | EV_WRITE, NULL),
            stream->watched, "armed is something else than is told");
}

static void
check_pending(const struct stream *stream)
{
    if (stream_is_open(stream) && buffer_length(&stream->pending) > 0)
        cr_assert(is_armed(stream, EV_WRITE),
            "bytes are pending, and no event waits to send them");
}

static void
check_handshake(const struct conn *conn, const struct stream *stream)
{
    cr_assert(has_timer(conn), "a handshake may last for ever");
    check_pending(&conn->client);
    check_pending(&conn->server);
    if (!tls_stream_is_held(stream))
        cr_assert(is_armed(stream, EV_READ),
            "the handshake's next bytes are not waited for");
}

static void
check_input(const struct flow *flow)
{
    cr_assert_eq(flow->state, FLOW_OPEN);
    cr_assert_not(stream_has_input(flow->from),
        "input waits in user space, and no event will bring it");
    cr_assert(is_armed(flow->from, EV_READ), "input is not asked for");
    cr_assert_null(flow->pipe, "it waits for input with a pipe in its hands");
}

/* `back` is the flow that reads from where this one writes to. */
static void
check_peer(const struct flow *flow, const struct flow *back)
{
    cr_assert_not(stream_may_write(flow->to), "the peer has done its part");
    cr_assert(is_armed(flow->to, EV_READ) ||
            is_armed(back->to, EV_WRITE) || back->state != FLOW_OPEN,
        "what the peer has to say is not asked for");
}

static void
check_flow(
    const struct conn *conn, const struct flow *flow, const struct flow *back)
{
    if (flow->pipe != NULL)
        cr_assert_gt(flow->pipe->length, 0, "a pipe is kept for nothing");
    if (is_deferred(conn))
        return;
    if (flow->pipe != NULL)
        cr_assert(is_armed(flow->to, EV_WRITE),
            "bytes are in a pipe, and no event waits to send them");
    switch (flow->wait) {
    case FLOW_WAITS_INPUT:
        check_input(flow);
        break;
    case FLOW_WAITS_OUTPUT:
        cr_assert(is_armed(flow->to, EV_WRITE), "room is not asked for");
        break;
    case FLOW_WAITS_PEER:
        check_peer(flow, back);
        break;
    case FLOW_WAITS_TURN:
        cr_assert_fail("its turn never comes");
        break;
    default:
        cr_assert_eq(flow->state, FLOW_ENDED);
    }
}

/* Level-triggered, so what is armed for nothing would turn the loop for ever.
 * `out` reads from the stream, `in` writes to it. */
static void
check_interest(const struct stream *stream, const struct flow *out,
    const struct flow *in)
{
    if (is_armed(stream, EV_READ))
        cr_assert(out->wait == FLOW_WAITS_INPUT ||
                out->wait == FLOW_WAITS_TURN,
            "input is asked for that no flow will read");
    if (is_armed(stream, EV_WRITE))
        cr_assert(in->wait == FLOW_WAITS_OUTPUT ||
                buffer_length(&stream->pending) > 0,
            "room is asked for that no flow needs");
}

static void
check_relay(const struct conn *conn)
{
    if (conn_relay_is_resting(conn)) {
        cr_assert(has_timer(conn), "its rest has no end");
        return;
    }
    check_pending(&conn->client);
    check_pending(&conn->server);
    check_flow(conn, &conn->up, &conn->down);
    check_flow(conn, &conn->down, &conn->up);
    check_interest(&conn->client, &conn->up, &conn->down);
    check_interest(&conn->server, &conn->down, &conn->up);
    if (conn->up.state != FLOW_OPEN || conn->down.state != FLOW_OPEN)
        cr_assert(has_timer(conn), "no timer looks whether it is deserted");
}

void
turn_check(const struct conn *conn)
{
    check_arming(&conn->client);
    check_arming(&conn->server);
    switch (conn->state) {
    case CONN_ACCEPT_TLS:
        check_handshake(conn, &conn->client);
        break;
    case CONN_CONNECT:
        cr_assert_not_null(conn->connector);
        check_pending(&conn->client);
        break;
    case CONN_CONNECT_TLS:
        check_handshake(conn, &conn->server);
        break;
    case CONN_RELAY:
        check_relay(conn);
        break;
    default: /* events only make these quicker */
        cr_assert(has_timer(conn), "%s may last for ever",
            conn_state_name(conn->state));
    }
}
