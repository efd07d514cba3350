/*
 * Churn: connections that are opened, carry the greeting and its answer, and
 * are closed; a new one takes the place of each.  Shut: the same, with a server
 * that closes each as soon as it has accepted it.
 */
#include "modes.h"

#include "ends.h"
#include "latency.h"
#include "options.h"
#include "tls.h"

static uint64_t to_open, live;
static enum { WARMING, WARM, MEASURING, DONE } stage;

static void
begin(uint64_t count)
{
    to_open = count;
    for (unsigned i = 0; i < mode_options->connections && to_open > 0; i++) {
        to_open--;
        live++;
        pair_open(pair_number(i));
    }
}

static void
start(void)
{
    begin(mode_options->warm > 0 ? mode_options->warm : 1);
}

static void
opened(struct pair *pair)
{
    latency_add(now_ns() - pair->started_ns);
    pair_close(pair);
}

static void
readable(struct end *end)
{
    uint8_t byte;
    size_t n;

    if (end_read(end, &byte, 1, &n))
        fail("connection %u: more bytes than were sent", end->pair->id);
}

static void
closed(struct pair *pair)
{
    if (to_open > 0) {
        to_open--;
        pair_open(pair);
        return;
    }
    if (--live > 0)
        return;
    if (stage == MEASURING)
        measured.to_ns = now_ns();
    stage++;
    phase_reached(stage == WARM ? "ready" : "done");
}

static void
closed_at_once(struct pair *pair)
{
    latency_add(now_ns() - pair->started_ns);
    closed(pair);
}

static void
proceed(void)
{
    if (stage == DONE) {
        loop_stop();
        return;
    }
    stage = MEASURING;
    latency_reset();
    tls_reset();
    measured.units = mode_options->count;
    measured.from_ns = now_ns();
    begin(mode_options->count);
}

const struct mode mode_churn = {
    .name = "churn",
    .start = start,
    .opened = opened,
    .readable = readable,
    .closed = closed,
    .proceed = proceed,
};

const struct mode mode_shut = {
    .name = "shut",
    .start = start,
    .closed = closed_at_once,
    .proceed = proceed,
    .server_closes = true,
};
