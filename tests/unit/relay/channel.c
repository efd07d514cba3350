#include "channel.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "net/loop.h"
#include "net/wire.h"

enum { STEP = 64 << 10, TURNS = 20000, QUIET_TURNS = 20 };

const char *const channel_modes[CHANNEL_MODES] = { "copy", "splice" };

static void
on_ready(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
}

void
channel_open(struct channel *channel, enum channel_mode mode,
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
    *channel = (struct channel){ .loop = loop_new(), .mode = mode,
        .in = source[1], .out = sink[1] };
    cr_assert_not_null(channel->loop);
    stream_open(&channel->from, channel->loop, source[0], on_ready, NULL);
    stream_open(&channel->to, channel->loop, sink[0], on_ready, NULL);
    flow_start(&channel->flow, &channel->from, &channel->to,
        mode == CHANNEL_SPLICES ? &channel->pool : NULL, false);
}

void
channel_close(struct channel *channel)
{
    flow_stop(&channel->flow);
    stream_free(&channel->from);
    stream_free(&channel->to);
    if (channel->in >= 0)
        close(channel->in);
    if (channel->out >= 0)
        close(channel->out);
    pipe_pool_clear(&channel->pool);
    cr_expect_eq(channel->pool.open, 0, "no pipe is lost");
    loop_free(channel->loop);
}

size_t
channel_send(struct channel *channel, size_t size)
{
    static uint8_t data[STEP];
    size_t all = 0;

    while (all < size) {
        size_t step = size - all < STEP ? size - all : STEP;
        ssize_t n;

        wire_fill(data, channel->sent, step);
        n = send(channel->in, data, step, MSG_NOSIGNAL);
        if (n < 0)
            break;
        all += (size_t)n;
        channel->sent += (uint64_t)n;
    }
    return all;
}

size_t
channel_receive(struct channel *channel)
{
    static uint8_t data[STEP];
    size_t all = 0, got;

    if (channel->out < 0)
        return 0;
    while ((got = wire_receive(channel->out, data, sizeof(data))) > 0) {
        if (!wire_matches(data, channel->received, got))
            channel->corrupt = true;
        channel->received += got;
        all += got;
    }
    return all;
}

/* Always spliced, not only once the traffic has proved bulk. */
static void
force_mode(struct channel *channel)
{
    if (channel->mode == CHANNEL_SPLICES)
        channel->flow.splicing = true;
}

enum flow_wait
channel_run(struct channel *channel)
{
    enum flow_wait wait;

    do {
        force_mode(channel);
        wait = flow_run(&channel->flow);
    } while (wait == FLOW_WAITS_TURN);
    return wait;
}

enum flow_wait
channel_block(struct channel *channel)
{
    enum flow_wait wait;

    do {
        channel_send(channel, STEP);
        wire_sleep_ms(1);
        wait = channel_run(channel);
    } while (wait == FLOW_WAITS_INPUT);
    return wait;
}

bool
channel_widen(struct channel *channel)
{
    int source[2] = { channel->from.fd, channel->in };
    int sink[2] = { channel->to.fd, channel->out };

    return wire_widen(source) && wire_widen(sink);
}

/* What the source has sent, and the flow's kernel has not taken. */
static int
unsent(int fd)
{
    int count = 0;

    if (fd >= 0)
        cr_assert_eq(ioctl(fd, SIOCOUTQ, &count), 0);
    return count;
}

enum flow_wait
channel_finish(struct channel *channel)
{
    enum flow_wait wait = FLOW_WAITS_TURN;

    for (int i = 0, quiet = 0; i < TURNS && quiet < QUIET_TURNS; i++) {
        wait = channel_run(channel);
        if (channel_receive(channel) > 0) {
            quiet = 0;
            continue;
        }
        if (wait != FLOW_WAITS_OUTPUT && unsent(channel->in) == 0 &&
            stream_unsent(&channel->to) == 0)
            quiet++;
        wire_sleep_ms(1);
    }
    return wait;
}
