/*
 * Ping-pong: each connection sends 64 bytes, waits for them to come back, and
 * sends the next, until all together have done their number.
 */
#include "modes.h"

#include <string.h>

#include "ends.h"
#include "latency.h"
#include "options.h"
#include "pattern.h"

static uint64_t left;
static unsigned open_pairs, closed_pairs, busy;
static enum { WARMING, WARM, MEASURING, DONE } stage;

static void
ping(struct pair *pair)
{
    left--;
    busy++;
    pair->started_ns = now_ns();
    end_send_greeting(pair->client, pattern_at(pair->id, pair->sent));
    pair->sent += GREETING_SIZE;
}

static void
begin(uint64_t count)
{
    left = count;
    for (unsigned i = 0; i < mode_options->connections && left > 0; i++)
        ping(pair_number(i));
}

static void
over(void)
{
    if (stage == MEASURING)
        measured.to_ns = now_ns();
    stage++;
    phase_reached(stage == WARM ? "ready" : "done");
}

static void
pong(struct end *client)
{
    struct pair *pair = client->pair;

    if (!pattern_matches(
            pair->id, pair->received, client->buffer, GREETING_SIZE))
        fail("connection %u: an answer was corrupted", pair->id);
    pair->received += GREETING_SIZE;
    latency_add(now_ns() - pair->started_ns);
    busy--;
    if (left > 0)
        ping(pair);
    else if (busy == 0)
        over();
}

static void
readable(struct end *end)
{
    if (!end_read_greeting(end))
        return;
    if (end->is_client)
        pong(end);
    else
        end_send_greeting(end, end->buffer);
}

static void
opened(struct pair *pair)
{
    (void)pair;
    if (++open_pairs == mode_options->connections)
        begin(mode_options->warm > 0 ? mode_options->warm : 1);
}

static void
proceed(void)
{
    if (stage == DONE) {
        for (unsigned i = 0; i < mode_options->connections; i++)
            pair_close(pair_number(i));
        return;
    }
    stage = MEASURING;
    latency_reset();
    measured.units = mode_options->count;
    measured.from_ns = now_ns();
    begin(mode_options->count);
}

static void
closed(struct pair *pair)
{
    (void)pair;
    if (++closed_pairs == mode_options->connections)
        loop_stop();
}

const struct mode mode_ping = {
    .name = "ping",
    .start = ends_open_all,
    .opened = opened,
    .readable = readable,
    .closed = closed,
    .proceed = proceed,
};
