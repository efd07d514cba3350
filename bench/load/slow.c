/*
 * Slow readers: the server sends as much as the relay takes, and each client
 * reads 4 KiB now and then.
 */
#include "modes.h"

#include <sys/epoll.h>

#include "ends.h"
#include "options.h"
#include "pattern.h"

enum { TICK_MS = 10, READS_PER_TICK = 50, READ_SIZE = 4096 };

static unsigned open_pairs, turn;
static int64_t ready_ns;
static bool ready;
static uint8_t data[READ_SIZE];

static void
opened(struct pair *pair)
{
    loop_watch(&pair->client->link.watch, 0);
    end_watch(pair->server, EPOLLIN | EPOLLOUT);
    if (++open_pairs == mode_options->connections)
        ready_ns = now_ns() + (int64_t)mode_options->settle_ms * 1000000;
}

static void
writable(struct end *server)
{
    struct pair *pair = server->pair;

    pair->sent += link_write(
        &server->link, pattern_at(pair->id, pair->sent), PATTERN_RUN);
}

static void
readable(struct end *end)
{
    size_t n;

    if (end_read(end, data, sizeof(data), &n))
        fail("connection %u: bytes from the wrong side", end->pair->id);
}

static void
read_a_little(struct pair *pair)
{
    size_t n;

    if (!end_read(pair->client, data, sizeof(data), &n))
        return;
    if (!pattern_matches(pair->id, pair->received, data, n))
        fail("connection %u: corrupted at byte %llu", pair->id,
            (unsigned long long)pair->received);
    pair->received += n;
    measured.units += n;
    measured.checked_bytes += n;
}

static void
tick(void)
{
    for (int i = 0; i < READS_PER_TICK && open_pairs > 0; i++) {
        struct pair *pair = pair_number(turn++ % mode_options->connections);

        if (pair->open)
            read_a_little(pair);
    }
    if (ready_ns != 0 && !ready && now_ns() >= ready_ns) {
        ready = true;
        measured.to_ns = now_ns();
        phase_reached("ready");
    }
}

static void
start(void)
{
    measured.from_ns = now_ns();
    loop_tick(TICK_MS, tick);
    ends_open_all();
}

const struct mode mode_slow = {
    .name = "slow",
    .start = start,
    .opened = opened,
    .readable = readable,
    .writable = writable,
    .proceed = loop_stop,
};
