#include "base/clock.h"
#include "config/config.h"
#include "relay/conn_parts.h"
#include "relay/relay.h"
#include "relay/service.h"
#include "tls/tls_stream.h"

/* How often to look whether the peer's kernel has acknowledged the last bytes,
 * for which there is no event. */
enum { POLL_FIRST_MS = 2, POLL_MOST_MS = 200 };

/* How often to look whether a peer that has said all, and is not read any more,
 * is still there for the answer. */
enum { LOOK_MS = 2000 };

static bool
is_over(const struct flow *flow)
{
    return flow->state == FLOW_CUT || flow->state == FLOW_BROKEN;
}

void
conn_relay_enter(struct conn *conn)
{
    const struct service_config *config = conn->service->config;
    struct pipe_pool *pipes =
        config->splice == SPLICE_AUTO ? &conn->relay->pipes : NULL;
    bool tolerant = config->truncation == TRUNCATION_TOLERATE;

    conn_disarm(conn);
    flow_start(&conn->up, &conn->client, &conn->server, pipes, tolerant);
    flow_start(&conn->down, &conn->server, &conn->client, pipes, tolerant);
    /* Most clients speak first, and what they said is here by now. */
    conn->up_ready = true;
    conn->down_ready = stream_has_input(&conn->server);
    conn_relay_wake(conn);
}

/* Who ended it: the side that reads no more, or that no more can be sent to. */
static enum conn_reason
reason_of(
    const struct conn *conn, const struct stream *side, enum stream_status how)
{
    if (how == STREAM_TRUNCATED)
        return CONN_TRUNCATED;
    if (how == STREAM_FAILED)
        return CONN_TLS_FAILED;
    return side == &conn->client ? CONN_RESET_BY_CLIENT
                                 : CONN_RESET_BY_SERVER;
}

static void
abort_for(struct conn *conn, const struct flow *flow)
{
    bool cut = flow->state == FLOW_CUT;
    const struct stream *side = cut ? flow->from : flow->to;
    const char *failure = tls_stream_failure(side);
    enum stream_status broken =
        side->error == 0 ? STREAM_FAILED : STREAM_RESET;

    if (failure != NULL)
        conn_explain_side(conn, side, failure);
    conn_abort(conn, reason_of(conn, side, cut ? flow->cause : broken));
}

/* What the stream waits for: `out` reads from it, `in` writes to it. */
static void
watch(struct stream *stream, const struct flow *out, const struct flow *in)
{
    bool reads =
        out->wait == FLOW_WAITS_INPUT || out->wait == FLOW_WAITS_TURN;
    /* TLS may have something of its own to say, too. */
    bool writes =
        in->wait == FLOW_WAITS_OUTPUT || buffer_length(&stream->pending) > 0;

    stream_watch(
        stream, (short)((reads ? EV_READ : 0) | (writes ? EV_WRITE : 0)));
}

static uint64_t
earlier(uint64_t a_ms, uint64_t since_ms, uint64_t timeout_ms)
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
    uint64_t idle_ms = earlier(
        UINT64_MAX, conn->active_ms, config->idle_timeout_ms);
    uint64_t half_ms = is_half_closed(conn)
        ? earlier(idle_ms, conn->active_ms, config->half_close_timeout_ms)
        : idle_ms;
    uint64_t life_ms = earlier(half_ms, conn->started_ms, config->lifetime_ms);

    *reason = life_ms < half_ms ? CONN_LIFETIME
        : half_ms < idle_ms     ? CONN_HALF_CLOSE_TIMEOUT
                                : CONN_IDLE_TIMEOUT;
    return life_ms;
}

/* When to look at the connection at the latest. */
static uint64_t
next_look_ms(const struct conn *conn, uint64_t deadline_ms, uint64_t from_ms)
{
    return is_half_closed(conn) ? earlier(deadline_ms, from_ms, LOOK_MS)
                                : deadline_ms;
}

/* Activity only moves a deadline away, so a timer that is set stays as it is
 * and finds out when it fires; see conn_relay_expire(). */
static void
arm(struct conn *conn)
{
    enum conn_reason reason;
    uint64_t at_ms = next_look_ms(
        conn, next_deadline_ms(conn, &reason), conn->active_ms);

    if (at_ms == UINT64_MAX ||
        (conn->deadline_ms != 0 && conn->deadline_ms <= at_ms))
        return;
    conn->deadline_ms = at_ms;
    conn_arm(conn, at_ms > conn->active_ms ? at_ms - conn->active_ms : 0);
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
    if (up && flow_run(&conn->up) == FLOW_WAITS_NEVER && is_over(&conn->up)) {
        abort_for(conn, &conn->up);
        return false;
    }
    if (conn->up.state != FLOW_OPEN && conn->down.state == FLOW_OPEN)
        conn->client_first = true;
    conn->client.last = conn->up.state == FLOW_ENDED;
    if (down && flow_run(&conn->down) == FLOW_WAITS_NEVER &&
        is_over(&conn->down)) {
        abort_for(conn, &conn->down);
        return false;
    }
    if (conn->up.state != FLOW_ENDED || conn->down.state != FLOW_ENDED)
        return true;
    conn_end(
        conn, conn->client_first ? CONN_CLIENT_CLOSED : CONN_SERVER_CLOSED);
    return false;
}

void
conn_relay_wake(struct conn *conn)
{
    conn->active_ms = clock_now_ms();
    loop_cancel(conn->relay->loop, &conn->task); /* this is its turn */
    if (!run_flows(conn))
        return;
    watch(&conn->client, &conn->up, &conn->down);
    watch(&conn->server, &conn->down, &conn->up);
    if (flow_is_runnable(&conn->up) || flow_is_runnable(&conn->down))
        loop_defer(conn->relay->loop, &conn->task);
    arm(conn);
}

void
conn_abort(struct conn *conn, enum conn_reason reason)
{
    conn->reason = reason;
    conn->poll_ms = POLL_FIRST_MS;
    conn->deadline_ms = clock_now_ms() + conn->relay->drain_timeout_ms;
    conn_enter(conn, CONN_ABORT);
}

/* What the source's kernel has is still read, but it is not waited for more.
 * True: nothing of this flow waits in this process any more. */
static bool
settle(struct conn *conn, struct flow *flow)
{
    enum flow_wait wait;

    if (!stream_is_open(flow->to))
        return true;
    wait = flow_run(flow);
    if (wait == FLOW_WAITS_TURN)
        loop_defer(conn->relay->loop, &conn->task);
    else if (wait == FLOW_WAITS_INPUT || wait == FLOW_WAITS_PEER)
        flow_cut(flow);
    /* Perhaps only its TLS is broken: what was sent before, and the alert that
     * says why, can still go. */
    if (flow->state == FLOW_BROKEN && stream_flush(flow->to) == STREAM_AGAIN)
        wait = FLOW_WAITS_OUTPUT;
    stream_watch(flow->to, wait == FLOW_WAITS_OUTPUT ? EV_WRITE : 0);
    return flow->state != FLOW_OPEN && wait != FLOW_WAITS_OUTPUT;
}

/* Resets `leg` as soon as `out` reads no more from it and its peer has what
 * was sent to it: a reset makes the kernel forget what is not acknowledged. */
static void
release(struct stream *leg, const struct flow *out, bool in_settled)
{
    if (out->state != FLOW_OPEN && in_settled && stream_unsent(leg) == 0)
        stream_abort(leg);
}

void
conn_abort_step(struct conn *conn)
{
    bool up = settle(conn, &conn->up), down = settle(conn, &conn->down);

    release(&conn->client, &conn->up, down);
    release(&conn->server, &conn->down, up);
    if ((!stream_is_open(&conn->client) && !stream_is_open(&conn->server)) ||
        clock_now_ms() >= conn->deadline_ms) {
        conn_end(conn, conn->reason);
        return;
    }
    conn_arm(conn, conn->poll_ms);
    if (conn->poll_ms < POLL_MOST_MS)
        conn->poll_ms *= 2;
}
