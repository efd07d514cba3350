/*
 * Bulk: all connections draw on one volume, so that none is idle before the
 * end, and the end is when all of it has arrived.
 */
#include "modes.h"

#include <sys/epoll.h>

#include "ends.h"
#include "options.h"
#include "pattern.h"

/* Reads of one event, so that no connection starves. */
enum { READS_PER_EVENT = 4 };

static bool upwards, checking;
static uint64_t volume, to_send, arrived;
static unsigned open_pairs, closed_pairs;
static enum { WARMING, WARM, MEASURING, DONE } stage;
static uint8_t data[PATTERN_RUN];

static struct end *
sender(struct pair *pair)
{
    return upwards ? pair->client : pair->server;
}

static void
begin(uint64_t bytes)
{
    volume = to_send = bytes;
    arrived = 0;
    for (unsigned i = 0; i < mode_options->connections; i++)
        end_watch(sender(pair_number(i)), EPOLLIN | EPOLLOUT);
}

static void
check_counts(void)
{
    for (unsigned i = 0; i < mode_options->connections; i++) {
        const struct pair *pair = pair_number(i);

        if (pair->sent != pair->received)
            fail("connection %u: %llu bytes were sent, %llu arrived", i,
                (unsigned long long)pair->sent,
                (unsigned long long)pair->received);
    }
}

static void
volume_over(void)
{
    check_counts();
    if (stage == MEASURING)
        measured.to_ns = now_ns();
    stage++;
    phase_reached(stage == WARM ? "ready" : "done");
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
    checking = mode_options->check;
    measured.units = mode_options->count;
    measured.from_ns = now_ns();
    begin(mode_options->count);
}

static void
opened(struct pair *pair)
{
    (void)pair;
    if (++open_pairs < mode_options->connections)
        return;
    checking = true;
    begin(mode_options->warm > 0 ? mode_options->warm : 1);
}

static void
writable(struct end *end)
{
    struct pair *pair = end->pair;
    uint64_t size = to_send < PATTERN_RUN ? to_send : PATTERN_RUN;
    size_t sent = 0;

    if (end == sender(pair) && size > 0)
        sent = link_write(
            &end->link, pattern_at(pair->id, pair->sent), (size_t)size);
    else
        link_flush(&end->link);
    pair->sent += sent;
    to_send -= sent;
    if (to_send == 0)
        end_watch(end, EPOLLIN);
}

static void
arrives(struct pair *pair, size_t size)
{
    if (checking &&
        !pattern_matches(pair->id, pair->received, data, size))
        fail("connection %u: corrupted between byte %llu and %llu", pair->id,
            (unsigned long long)pair->received,
            (unsigned long long)pair->received + size);
    measured.checked_bytes += checking ? size : 0;
    pair->received += size;
    arrived += size;
    if (arrived > volume)
        fail("connection %u: more bytes than were sent", pair->id);
    if (arrived == volume)
        volume_over();
}

static void
readable(struct end *end)
{
    struct pair *pair = end->pair;
    size_t n;

    for (int i = 0; i < READS_PER_EVENT || link_has_input(&end->link); i++) {
        if (!end_read(end, checking ? data : NULL, sizeof(data), &n))
            return;
        if (end == sender(pair))
            fail("connection %u: bytes from the wrong side", pair->id);
        arrives(pair, n);
    }
}

static void
closed(struct pair *pair)
{
    (void)pair;
    if (++closed_pairs == mode_options->connections)
        loop_stop();
}

static void
start_down(void)
{
    ends_open_all();
}

static void
start_up(void)
{
    upwards = true;
    ends_open_all();
}

const struct mode mode_down = {
    .name = "down",
    .large_reads = true,
    .start = start_down,
    .opened = opened,
    .readable = readable,
    .writable = writable,
    .closed = closed,
    .proceed = proceed,
};

const struct mode mode_up = {
    .name = "up",
    .large_reads = true,
    .start = start_up,
    .opened = opened,
    .readable = readable,
    .writable = writable,
    .closed = closed,
    .proceed = proceed,
};
