/*
 * Hold: all connections are opened and stay idle until told to close.
 */
#include "modes.h"

#include "ends.h"
#include "options.h"

static unsigned open_pairs, closed_pairs;
static enum { OPENING, HELD, DONE } stage;

static void
opened(struct pair *pair)
{
    (void)pair;
    if (++open_pairs < mode_options->connections)
        return;
    stage = HELD;
    measured.units = open_pairs;
    measured.to_ns = now_ns();
    phase_reached("ready");
}

static void
readable(struct end *end)
{
    uint8_t byte;
    size_t n;

    if (end_read(end, &byte, 1, &n))
        fail("connection %u: bytes that were not sent", end->pair->id);
}

static void
closed(struct pair *pair)
{
    (void)pair;
    if (++closed_pairs < mode_options->connections)
        return;
    stage = DONE;
    phase_reached("done");
}

static void
proceed(void)
{
    if (stage == DONE) {
        loop_stop();
        return;
    }
    for (unsigned i = 0; i < mode_options->connections; i++)
        pair_close(pair_number(i));
}

static void
start(void)
{
    measured.from_ns = now_ns();
    ends_open_all();
}

const struct mode mode_hold = {
    .name = "hold",
    .start = start,
    .opened = opened,
    .readable = readable,
    .closed = closed,
    .proceed = proceed,
};
