#include "relay/conn_step.h"

#include <event2/event.h>

#include "relay/conn_report.h"
#include "relay/relay.h"

void
conn_enter(struct conn *conn, enum conn_state next)
{
    conn_report_state(conn, next);
    conn->state = next;
    if (next < CONN_ABORT)
        conn->reached = next;
    conn->steps[next].enter(conn);
}

/* 0 is no event: a signature has come for a handshake that has stood in line. */
static void
wake_conn(struct conn *conn, short what)
{
    const struct conn_step *step = &conn->steps[conn->state];

    if (what != 0 && step->costly)
        loop_line_up(conn->relay->loop, &conn->task);
    else
        step->wake(conn);
}

/* A flow concerns its source's readiness to be read, and its sink's to be
 * written. */
void
conn_on_client(evutil_socket_t fd, short what, void *arg)
{
    struct conn *conn = arg;

    (void)fd;
    conn->up_ready |= (what & EV_READ) != 0;
    conn->down_ready |= (what & EV_WRITE) != 0;
    conn->client_stirs = true;
    wake_conn(conn, what);
}

void
conn_on_server(evutil_socket_t fd, short what, void *arg)
{
    struct conn *conn = arg;

    (void)fd;
    conn->down_ready |= (what & EV_READ) != 0;
    conn->up_ready |= (what & EV_WRITE) != 0;
    wake_conn(conn, what);
}

static void
on_task(void *arg)
{
    struct conn *conn = arg;

    conn->steps[conn->state].wake(conn);
}

static void
on_conn_timer(void *arg)
{
    struct conn *conn = arg;

    conn->steps[conn->state].expire(conn);
}

bool
conn_step_init(struct conn *conn, const struct conn_step *steps)
{
    conn->steps = steps;
    conn->task = (struct loop_task){ .run = on_task, .arg = conn };
    return timer_open(&conn->timer, conn->relay->loop->base, on_conn_timer,
        conn);
}

void
conn_arm(struct conn *conn, uint64_t delay_ms)
{
    timer_set(&conn->timer, delay_ms);
}

void
conn_disarm(struct conn *conn)
{
    timer_stop(&conn->timer);
}
