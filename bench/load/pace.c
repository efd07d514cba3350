/*
 * Pace: each connection sends 64 bytes by the clock, whether or not what it sent
 * before has come back: a relay that stands still for a while is late with every
 * exchange that fell due meanwhile, and each is counted from when it was due.
 */
#include "modes.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <stdlib.h>
#include <unistd.h>

#include "ends.h"
#include "latency.h"
#include "options.h"
#include "pattern.h"

enum { NS_PER_US = 1000, NS_PER_S = 1000000000 };

static enum { WARMING, WARM, MEASURING, ENDING } stage;
static unsigned open_pairs, closed_pairs, busy;
static uint64_t exchanges; /* of this stage */
static int64_t period_ns;
static struct watch clock_watch;

/* Of each connection; a pair's started_ns is when its exchange was due. */
static struct pace {
    int64_t due_ns; /* of the next exchange */
    bool busy;
} *paces;

static bool
is_going(void)
{
    return stage == WARMING || stage == MEASURING;
}

static void
send_if_due(struct pair *pair, int64_t now)
{
    struct pace *pace = &paces[pair->id];

    if (pace->busy || pace->due_ns > now)
        return;
    pace->busy = true;
    busy++;
    pair->started_ns = pace->due_ns;
    pace->due_ns += period_ns;
    end_send_greeting(pair->client, pattern_at(pair->id, pair->sent));
    pair->sent += GREETING_SIZE;
}

static void
on_clock(struct watch *watch, uint32_t events)
{
    int64_t now = now_ns();
    uint64_t ticks;

    (void)events;
    if (read(watch->fd, &ticks, sizeof(ticks)) != sizeof(ticks) || !is_going())
        return;
    for (unsigned i = 0; i < mode_options->connections; i++)
        send_if_due(pair_number(i), now);
}

/* Twice as often as anything can be due, so that none is late for the clock. */
static void
start_clock(void)
{
    int64_t tick_ns = period_ns / mode_options->connections / 2 + 1;
    const struct itimerspec every = {
        .it_interval = { tick_ns / NS_PER_S, tick_ns % NS_PER_S },
        .it_value = { .tv_nsec = 1 },
    };

    clock_watch.fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    clock_watch.ready = on_clock;
    if (clock_watch.fd < 0 ||
        timerfd_settime(clock_watch.fd, 0, &every, NULL) < 0)
        fail("no timer");
    loop_watch(&clock_watch, EPOLLIN);
}

static void
begin(void)
{
    int64_t now = now_ns();

    exchanges = 0;
    for (unsigned i = 0; i < mode_options->connections; i++)
        paces[i].due_ns = now + period_ns * i / mode_options->connections;
}

static void
close_all(void)
{
    measured.units = exchanges;
    measured.to_ns = now_ns();
    loop_close(&clock_watch);
    for (unsigned i = 0; i < mode_options->connections; i++)
        pair_close(pair_number(i));
}

static void
end(void)
{
    if (stage == WARMING)
        stage = WARM;
    else
        stage = ENDING;
    if (busy > 0)
        return;
    if (stage == WARM)
        phase_reached("ready");
    else
        close_all();
}

/* What is due by now goes at once: the connection is behind its clock. */
static void
go_on(struct pair *pair)
{
    if (stage == WARMING && exchanges >= mode_options->warm)
        end();
    else if (stage == MEASURING && !mode_options->phases &&
        exchanges >= mode_options->count)
        end();
    else if (is_going())
        send_if_due(pair, now_ns());
    else if (busy == 0 && stage == WARM)
        phase_reached("ready");
    else if (busy == 0)
        close_all();
}

static void
answered(struct end *client)
{
    struct pair *pair = client->pair;

    if (!pattern_matches(
            pair->id, pair->received, client->buffer, GREETING_SIZE))
        fail("connection %u: an answer was corrupted", pair->id);
    pair->received += GREETING_SIZE;
    paces[pair->id].busy = false;
    busy--;
    exchanges++;
    latency_add(now_ns() - pair->started_ns);
    go_on(pair);
}

static void
readable(struct end *end)
{
    if (!end_read_greeting(end))
        return;
    if (end->is_client)
        answered(end);
    else
        end_send_greeting(end, end->buffer);
}

static void
opened(struct pair *pair)
{
    (void)pair;
    if (++open_pairs < mode_options->connections)
        return;
    begin();
    start_clock();
}

/* With a runner it goes on until that says that it is enough. */
static void
proceed(void)
{
    if (stage == MEASURING) {
        end();
        return;
    }
    stage = MEASURING;
    latency_reset();
    measured.from_ns = now_ns();
    begin();
    if (mode_options->phases)
        phase_reached("measuring");
}

static void
closed(struct pair *pair)
{
    (void)pair;
    if (++closed_pairs < mode_options->connections)
        return;
    free(paces);
    loop_stop();
}

static void
start(void)
{
    period_ns = (int64_t)mode_options->every_us * NS_PER_US;
    paces = calloc(mode_options->connections, sizeof(*paces));
    if (paces == NULL)
        fail("out of memory");
    ends_open_all();
}

const struct mode mode_pace = {
    .name = "pace",
    .start = start,
    .opened = opened,
    .readable = readable,
    .closed = closed,
    .proceed = proceed,
};
