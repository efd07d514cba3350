#include "relay/conn_relay.h"

#include <event2/event.h>

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "config/config.h"
#include "relay/conn_abort.h"
#include "relay/conn_connect.h"
#include "relay/conn_end.h"
#include "relay/conn_keepalive.h"
#include "relay/conn_state.h"
#include "relay/conn_step.h"
#include "relay/relay.h"
#include "relay/service.h"
#include "tls/tls_stream.h"

/* How often to look whether a peer that has said all, and is not read any more,
 * is still there for the answer. */
enum { LOOK_MS = 2000 };

/* Wake-ups in a row that move nothing: after so many the connection rests
 * before it looks again, and after so many rests, some five seconds, it ends. */
enum {
    IDLE_WAKES_FREE = 64,
    IDLE_WAKES_MOST = IDLE_WAKES_FREE + 32,
    REST_MS = 160,
};

static bool
is_flow_over(const struct flow *flow)
{
    return flow->state == FLOW_CUT || flow->state == FLOW_BROKEN;
}

/* Most clients speak first, and what they said is here by now.  Where that of the
 * connection before had not, an event will tell. */
static bool
speaks_first(const struct conn *conn)
{
    return !conn->service->clients_wait || tls_stream_is_tls(&conn->client);
}

void
conn_relay_enter(struct conn *conn)
{
    const struct service_config *config = conn->service->config;
    struct pipe_pool *pipes =
        config->splice == SPLICE_AUTO ? &conn->relay->pipes : NULL;
    bool tolerant = config->truncation == TRUNCATION_TOLERATE;

    conn_disarm(conn);
    conn->active_ms = clock_now_ms();
    conn->deadline_ms = 0; /* none is armed yet */
    conn_keepalive_begin(conn);
    flow_start(&conn->up, &conn->client, &conn->server, pipes, tolerant);
    flow_start(&conn->down, &conn->server, &conn->client, pipes, tolerant);
    conn->up_ready |= speaks_first(conn);
    conn->down_ready =
        stream_has_input(&conn->server) || conn->connector != NULL;
    conn_relay_wake(conn);
}

/* The side that ended it: one that reads no more, or cannot be sent to. */
static enum conn_reason
reason_of_side(
    const struct conn *conn, const struct stream *side, enum stream_status how)
{
    if (how == STREAM_TRUNCATED)
        return CONN_TRUNCATED;
    if (how == STREAM_FAILED)
        return CONN_TLS_FAILED;
    return side == &conn->client ? CONN_RESET_BY_CLIENT
                                 : CONN_RESET_BY_SERVER;
}

/* A TLS peer may have sent an alert before the socket broke, which says more than
 * the failed write does.  Returns the flow whose end tells why. */
static const struct flow *
read_last_words(struct conn *conn, const struct flow *flow)
{
    struct flow *other = flow == &conn->up ? &conn->down : &conn->up;

    if (flow->state != FLOW_BROKEN || other->state != FLOW_OPEN ||
        !tls_stream_is_tls(other->from))
        return flow;
    (void)!flow_run(other);
    return other->state == FLOW_CUT && other->cause == STREAM_FAILED ? other
                                                                     : flow;
}

/* The server failed before a byte went either way: True: the connection has gone
 * on to the next one. */
static bool
tries_next(struct conn *conn, const struct stream *side)
{
    const char *failure = tls_stream_failure(side);

    return side == &conn->server && conn_is_untouched(conn) &&
        conn_try_next(
            conn, failure != NULL ? failure : strerror(side->error), false);
}

static void
abort_for(struct conn *conn, const struct flow *ended)
{
    const struct flow *flow = read_last_words(conn, ended);
    bool cut = flow->state == FLOW_CUT;
    struct stream *side = cut ? flow->from : flow->to;
    const char *failure = tls_stream_failure(side);
    enum stream_status broken =
        side->error == 0 ? STREAM_FAILED : STREAM_RESET;
    enum conn_reason reason =
        reason_of_side(conn, side, cut ? flow->cause : broken);

    if (tries_next(conn, side))
        return;
    if (cut && flow->cause == STREAM_TRUNCATED)
        failure = "the peer closed without close_notify after it had spoken "
                  "last; truncation = tolerate takes that for a proper end";
    if (failure != NULL)
        conn_explain_side(conn, side, failure);
    conn->server_failed = side == &conn->server;
    if (reason == CONN_TLS_FAILED)
        conn->cause = tls_stream_cause(side);
    if (reason == CONN_TLS_FAILED && side->error == 0)
        conn->alerted = side;
    conn_abort(conn, reason);
}

/* What the stream waits for: `out` reads from it, `in` writes to it.  False: out
 * of memory. */
static bool
watch_for_flows(struct stream *stream, const struct flow *out,
    const struct flow *in)
{
    bool reads = (out->wait == FLOW_WAITS_INPUT ||
                     out->wait == FLOW_WAITS_TURN) &&
        !tls_stream_is_held(stream);
    /* TLS may have something of its own to say, too. */
    bool writes =
        in->wait == FLOW_WAITS_OUTPUT || buffer_length(&stream->pending) > 0;

    return stream_try_watch(
        stream, (short)((reads ? EV_READ : 0) | (writes ? EV_WRITE : 0)));
}

static uint64_t
earlier_deadline(uint64_t a_ms, uint64_t since_ms, uint64_t timeout_ms)
{
    uint64_t b_ms = since_ms + timeout_ms;

    return timeout_ms > 0 && b_ms < a_ms ? b_ms : a_ms;
}

static bool
is_half_closed(const struct conn *conn)
{
    return conn->up.state != FLOW_OPEN || conn->down.state != FLOW_OPEN;
}

/* When something must happen at the latest; UINT64_MAX: never. */
static uint64_t
next_deadline_ms(const struct conn *conn, enum conn_reason *reason)
{
    const struct service_config *config = conn->service->config;
    uint64_t idle_ms = earlier_deadline(
        UINT64_MAX, conn->active_ms, config->idle_timeout_ms);
    uint64_t half_ms = is_half_closed(conn)
        ? earlier_deadline(idle_ms, conn->active_ms,
              config->half_close_timeout_ms)
        : idle_ms;
    uint64_t life_ms =
        earlier_deadline(half_ms, conn->started_ms, config->lifetime_ms);

    *reason = life_ms < half_ms ? CONN_LIFETIME
        : half_ms < idle_ms     ? CONN_HALF_CLOSE_TIMEOUT
                                : CONN_IDLE_TIMEOUT;
    return life_ms;
}

/* When to look at the connection at the latest. */
static uint64_t
next_look_ms(const struct conn *conn, uint64_t deadline_ms, uint64_t from_ms)
{
    return is_half_closed(conn)
        ? earlier_deadline(deadline_ms, from_ms, LOOK_MS)
        : deadline_ms;
}

/* Activity only moves a deadline away, so a timer that is set stays as it is
 * and finds out when it fires; see conn_relay_expire(). */
static void
arm_deadline(struct conn *conn, uint64_t now_ms)
{
    enum conn_reason reason;
    uint64_t at_ms =
        next_look_ms(conn, next_deadline_ms(conn, &reason), now_ms);

    if (at_ms == UINT64_MAX ||
        (conn->deadline_ms != 0 && conn->deadline_ms <= at_ms))
        return;
    conn->deadline_ms = at_ms;
    conn_arm(conn, at_ms > now_ms ? at_ms - now_ms : 0);
}

/* A leg whose direction has ended is not read any more, so its reset shows in
 * no other way.  True: the connection is at its end. */
static bool
is_deserted(struct conn *conn)
{
    if (conn->up.state == FLOW_ENDED && stream_is_gone(&conn->client))
        conn_abort(conn, CONN_RESET_BY_CLIENT);
    else if (conn->down.state == FLOW_ENDED && stream_is_gone(&conn->server))
        conn_abort(conn, CONN_RESET_BY_SERVER);
    else
        return false;
    return true;
}

bool
conn_relay_is_resting(const struct conn *conn)
{
    return conn->idle_wakes >= IDLE_WAKES_FREE;
}

void
conn_relay_expire(struct conn *conn)
{
    enum conn_reason reason;
    uint64_t at_ms = next_deadline_ms(conn, &reason), now_ms = clock_now_ms();

    if (is_deserted(conn))
        return;
    if (at_ms <= now_ms) {
        flow_cut(&conn->up);
        flow_cut(&conn->down);
        conn_abort(conn, reason);
        return;
    }
    conn->deadline_ms = next_look_ms(conn, at_ms, now_ms);
    if (conn->deadline_ms != UINT64_MAX)
        conn_arm(conn, conn->deadline_ms - now_ms);
    if (conn_relay_is_resting(conn)) {
        conn->up_ready = conn->down_ready = true;
        conn_relay_wake(conn);
    }
}

/* Grows with everything that a wake-up can bring about. */
static uint64_t
progress_of(const struct conn *conn)
{
    return conn->client.moved + conn->server.moved + conn->up.state +
        conn->down.state;
}

/* Watches nothing for a while: a readiness that is announced again and again
 * although nothing can be done about it costs no CPU then. */
static void
rest_conn(struct conn *conn)
{
    loop_cancel(conn->relay->loop, &conn->task);
    stream_watch(&conn->client, 0);
    stream_watch(&conn->server, 0);
    conn->deadline_ms = clock_now_ms() + REST_MS;
    conn_arm(conn, REST_MS);
}

/* A fault in this program or in the kernel: the words are for its mending. */
static void
end_without_progress(struct conn *conn)
{
    static const char *const waits[] = {
        [FLOW_WAITS_INPUT] = "input",
        [FLOW_WAITS_OUTPUT] = "room",
        [FLOW_WAITS_PEER] = "the peer",
        [FLOW_WAITS_TURN] = "its turn",
        [FLOW_WAITS_NEVER] = "nothing",
    };
    char text[100];

    snprintf(text, sizeof(text), "up waits for %s, down waits for %s",
        waits[conn->up.wait], waits[conn->down.wait]);
    conn_explain(conn, text);
    conn_end(conn, CONN_NO_PROGRESS);
}

/* A peer may end in order because it did not get what it asked for. */
static void
explain_peer_refusal(struct conn *conn, const struct stream *stream)
{
    const char *refused = tls_stream_refusal(stream);

    if (refused != NULL)
        conn_explain_side(conn, stream, refused);
}

/* Many TLS peers close without close_notify at every end.  That cannot be told
 * from a cut by an attacker where this side spoke last, for its message may be
 * half.  It can where this side has all that was sent to it, and the other side
 * spoke last, so that nothing is under way from here, or has ended.  In the
 * second case even a reset is a close: our close_notify lies there unread, which
 * makes a kernel reset what is closed.  (It may do so, or its FIN may cross our
 * last bytes, before it has acknowledged them.) */
static bool
is_close(const struct conn *conn, const struct flow *flow)
{
    bool up = flow == &conn->up;
    unsigned side = up ? SPOKE_CLIENT : SPOKE_SERVER;
    bool heard_last = (conn->spoke_last & side) == 0;
    bool back_ended = (up ? &conn->down : &conn->up)->state == FLOW_ENDED;
    enum stream_receipt receipt;

    if (flow->state != FLOW_CUT || !tls_stream_is_tls(flow->from) ||
        tls_stream_is_within_record(flow->from))
        return false;
    if (flow->cause != STREAM_TRUNCATED && flow->cause != STREAM_RESET)
        return false;
    if (!back_ended && (flow->cause == STREAM_RESET || !heard_last))
        return false;
    receipt = stream_receipt(flow->from);
    return receipt == STREAM_ACKNOWLEDGED ||
        (receipt == STREAM_PERHAPS && heard_last);
}

static void
note_speaker(struct conn *conn, const struct flow *flow, uint64_t before)
{
    if (conn->spoke_last == 0 && flow == &conn->up)
        conn->service->clients_wait = flow->bytes == 0;
    if (flow->bytes == before)
        return;
    conn->spoke_now |= flow == &conn->up ? SPOKE_CLIENT : SPOKE_SERVER;
    conn->spoke_last = conn->spoke_now;
}

/* False: the flow has ended badly, and so will the connection. */
static bool
run_flow(struct conn *conn, struct flow *flow)
{
    uint64_t before = flow->bytes;
    enum flow_wait wait = flow_run(flow);

    note_speaker(conn, flow, before);
    if (wait != FLOW_WAITS_NEVER)
        return true;
    if (is_close(conn, flow)) {
        explain_peer_refusal(conn, flow->from);
        conn_explain(conn, "without close_notify");
        flow_accept_end(flow);
        (void)!flow_run(flow);
    }
    if (!is_flow_over(flow))
        return true;
    abort_for(conn, flow);
    return false;
}

/* Runs the flows that something happened to.  True: they go on. */
static bool
run_flows(struct conn *conn)
{
    bool up = conn->up_ready || flow_is_runnable(&conn->up);
    bool down = conn->down_ready || flow_is_runnable(&conn->down);

    /* Of the direction that ends second the close tells the end. */
    conn->server.last = conn->down.state == FLOW_ENDED;
    conn->up_ready = conn->down_ready = false;
    conn->up.moved = conn->down.moved = false;
    conn->spoke_now = 0;
    /* Perhaps that the client's bytes are for another server. */
    if (conn->connector != NULL && down && !run_flow(conn, &conn->down))
        return false;
    if (up && !run_flow(conn, &conn->up))
        return false;
    if (conn->up.state != FLOW_OPEN && conn->down.state == FLOW_OPEN)
        conn->client_first = true;
    conn->client.last = conn->up.state == FLOW_ENDED;
    if (down && !run_flow(conn, &conn->down))
        return false;
    if (conn->up.state != FLOW_ENDED || conn->down.state != FLOW_ENDED)
        return true;
    explain_peer_refusal(conn, &conn->client);
    explain_peer_refusal(conn, &conn->server);
    conn_end(
        conn, conn->client_first ? CONN_CLIENT_CLOSED : CONN_SERVER_CLOSED);
    return false;
}

/* Waits for what the flows need: perhaps without a time limit, so that one that
 * cannot be watched has to end. */
static void
wait_on(struct conn *conn, uint64_t now_ms)
{
    if (!watch_for_flows(&conn->client, &conn->up, &conn->down) ||
        !watch_for_flows(&conn->server, &conn->down, &conn->up)) {
        conn_end(conn, CONN_OUT_OF_RESOURCES);
        return;
    }
    if (flow_is_runnable(&conn->up) || flow_is_runnable(&conn->down))
        loop_defer(conn->relay->loop, &conn->task);
    arm_deadline(conn, now_ms);
}

void
conn_relay_wake(struct conn *conn)
{
    uint64_t before = progress_of(conn), now_ms = clock_now_ms();

    loop_cancel(conn->relay->loop, &conn->task); /* this is its turn */
    if (conn->connector != NULL && !conn_keeps_server(conn))
        return;
    if (!run_flows(conn))
        return;
    if (conn->up.moved || conn->down.moved)
        conn->active_ms = now_ms;
    conn->idle_wakes = progress_of(conn) == before ? conn->idle_wakes + 1 : 0;
    if (conn->idle_wakes >= IDLE_WAKES_MOST)
        end_without_progress(conn);
    else if (conn_relay_is_resting(conn))
        rest_conn(conn);
    else
        wait_on(conn, now_ms);
}
