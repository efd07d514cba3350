#include "relay/conn_abort.h"

#include <event2/event.h>

#include "base/clock.h"
#include "relay/conn_end.h"
#include "relay/conn_state.h"
#include "relay/conn_step.h"
#include "relay/farewell.h"
#include "relay/relay.h"

/* How often to look whether the peer's kernel has acknowledged the last bytes,
 * for which there is no event. */
enum { POLL_FIRST_MS = 2, POLL_MOST_MS = 200 };

void
conn_abort(struct conn *conn, enum conn_reason reason)
{
    conn->reason = reason;
    conn->poll_ms = POLL_FIRST_MS;
    conn->linger_ms = clock_now_ms() + FAREWELL_MS;
    conn->deadline_ms = clock_now_ms() + conn->relay->drain_timeout_ms;
    conn_enter(conn, CONN_ABORT);
}

/* What the source's kernel has is still read, but it is not waited for more.
 * True: nothing of this flow waits in this process any more. */
static bool
settle_flow(struct conn *conn, struct flow *flow)
{
    enum flow_wait wait;

    if (!stream_is_open(flow->to))
        return true;
    wait = flow_run(flow);
    /* What came may end at an urgent mark, with more behind it: tcp(7). */
    if (wait == FLOW_WAITS_INPUT && flow->moved)
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
release_leg(struct stream *leg, const struct flow *out, bool in_settled)
{
    if (out->state != FLOW_OPEN && in_settled && stream_unsent(leg) == 0)
        stream_abort(leg);
}

/* The leg whose TLS failed gets the alert, a FIN behind it, and time to read
 * them: nothing need be acknowledged before that.  What the peer still sends is
 * thrown away, or the kernel would reset the leg for it. */
static void
linger_leg(struct conn *conn, struct stream *leg, const struct flow *out,
    bool in_settled)
{
    enum stream_status sent;
    bool open;

    if (!stream_is_open(leg) || out->state == FLOW_OPEN || !in_settled)
        return;
    sent = stream_finish(leg);
    open = conn_discard_input(conn, leg);
    if (sent == STREAM_AGAIN)
        stream_watch(leg, (short)(EV_WRITE | (open ? EV_READ : 0)));
    else if (sent == STREAM_OK && open && clock_now_ms() < conn->linger_ms)
        stream_watch(leg, EV_READ);
    else
        stream_close(leg);
}

static void
settle_leg(struct conn *conn, struct stream *leg, const struct flow *out,
    bool in_settled)
{
    if (leg == conn->alerted)
        linger_leg(conn, leg, out, in_settled);
    else
        release_leg(leg, out, in_settled);
}

void
conn_abort_step(struct conn *conn)
{
    bool up = settle_flow(conn, &conn->up);
    bool down = settle_flow(conn, &conn->down);

    settle_leg(conn, &conn->client, &conn->up, down);
    settle_leg(conn, &conn->server, &conn->down, up);
    if ((!stream_is_open(&conn->client) && !stream_is_open(&conn->server)) ||
        clock_now_ms() >= conn->deadline_ms) {
        if (conn->alerted != NULL)
            stream_close(conn->alerted); /* no reset behind the alert */
        conn_end(conn, conn->reason);
        return;
    }
    conn_arm(conn, conn->poll_ms);
    if (conn->poll_ms < POLL_MOST_MS)
        conn->poll_ms *= 2;
}
