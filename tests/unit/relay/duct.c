#include "duct.h"

#include <sys/socket.h>

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "net/loop.h"
#include "net/wire.h"

enum { STEP = 64 << 10, TURNS = 20000, QUIET_TURNS = 3 };

const char *const duct_modes[DUCT_MODES] = { "copy", "splice" };

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
}

void
duct_open(struct duct *duct, enum duct_mode mode,
    void (*make)(int fds[2]), bool narrow)
{
    int source[2], sink[2];

    signal(SIGPIPE, SIG_IGN); /* as the worker does: splice(2) has no flag */
    make(source);
    make(sink);
    if (narrow) {
        wire_shrink(sink[0]);
        wire_shrink(sink[1]);
    }
    *duct = (struct duct){ .loop = loop_new(), .mode = mode,
        .in = source[1], .out = sink[1] };
    cr_assert_not_null(duct->loop);
    stream_open(&duct->from, duct->loop, source[0], on_ready, NULL);
    stream_open(&duct->to, duct->loop, sink[0], on_ready, NULL);
    flow_start(&duct->flow, &duct->from, &duct->to,
        mode == DUCT_SPLICES ? &duct->pool : NULL, false);
}

void
duct_close(struct duct *duct)
{
    flow_stop(&duct->flow);
    stream_free(&duct->from);
    stream_free(&duct->to);
    if (duct->in >= 0)
        close(duct->in);
    if (duct->out >= 0)
        close(duct->out);
    pipe_pool_clear(&duct->pool);
    cr_expect_eq(duct->pool.open, 0, "no pipe is lost");
    loop_free(duct->loop);
}

void
duct_reset(int *fd)
{
    int gone = *fd;

    *fd = -1;
    wire_reset(gone);
}

size_t
duct_send(struct duct *duct, size_t size)
{
    static uint8_t data[STEP];
    size_t all = 0;

    while (all < size) {
        size_t step = size - all < STEP ? size - all : STEP;
        ssize_t n;

        wire_fill(data, duct->sent, step);
        n = send(duct->in, data, step, MSG_NOSIGNAL);
        if (n < 0)
            break;
        all += (size_t)n;
        duct->sent += (uint64_t)n;
    }
    return all;
}

size_t
duct_receive(struct duct *duct)
{
    static uint8_t data[STEP];
    size_t all = 0, got;

    if (duct->out < 0)
        return 0;
    while ((got = wire_receive(duct->out, data, sizeof(data))) > 0) {
        if (!wire_matches(data, duct->received, got))
            duct->corrupt = true;
        duct->received += got;
        all += got;
    }
    return all;
}

/* Always spliced, not only once the traffic has proved bulk. */
static void
force_mode(struct duct *duct)
{
    if (duct->mode == DUCT_SPLICES)
        duct->flow.splicing = true;
}

enum flow_wait
duct_run(struct duct *duct)
{
    enum flow_wait wait;

    do {
        force_mode(duct);
        wait = flow_run(&duct->flow);
    } while (wait == FLOW_WAITS_TURN);
    return wait;
}

enum flow_wait
duct_block(struct duct *duct)
{
    enum flow_wait wait;

    do {
        duct_send(duct, STEP);
        wire_sleep_ms(1);
        wait = duct_run(duct);
    } while (wait == FLOW_WAITS_INPUT);
    return wait;
}

void
duct_widen(struct duct *duct)
{
    int source[2] = { duct->from.fd, duct->in };
    int sink[2] = { duct->to.fd, duct->out };

    wire_widen(source);
    wire_widen(sink);
}

enum flow_wait
duct_finish(struct duct *duct)
{
    enum flow_wait wait = FLOW_WAITS_TURN;

    for (int i = 0, quiet = 0; i < TURNS && quiet < QUIET_TURNS; i++) {
        wait = duct_run(duct);
        if (duct_receive(duct) > 0) {
            quiet = 0;
            continue;
        }
        if (wait != FLOW_WAITS_OUTPUT && stream_unsent(&duct->to) == 0 &&
            (wait == FLOW_WAITS_NEVER || duct->in < 0 ||
                wire_unsent(duct->in) == 0))
            quiet++;
        wire_sleep_ms(1);
    }
    return wait;
}
