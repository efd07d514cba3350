/* Every order of data, ends, resets and blocks, copying and splicing. */
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "channel.h"
#include "net/loop.h"
#include "net/wire.h"

static struct channel channel;

TestSuite(flow_ends, .timeout = 60);

/* One letter a step; after each the flow runs, and nobody reads but in "R".
 *
 *   d  the source sends so much that the sink blocks; s  it sends a little
 *   e  the source ends (FIN)     r  the source resets
 *   x  the sink resets           c  the flow is cut
 *   R  the far end reads all
 *
 * `got`: all of what was sent came out, at the end; `end`: what the far end
 * then sees. */
static const struct row {
    const char *script;
    enum flow_state state;
    enum stream_status cause;
    bool got;
    enum wire_end end;
} rows[] = {
    { "e", FLOW_ENDED, STREAM_END, true, WIRE_FIN },
    { "se", FLOW_ENDED, STREAM_END, true, WIRE_FIN },
    { "sRe", FLOW_ENDED, STREAM_END, true, WIRE_FIN },
    { "deR", FLOW_ENDED, STREAM_END, true, WIRE_FIN },
    { "dReR", FLOW_ENDED, STREAM_END, true, WIRE_FIN },
    { "dRddReR", FLOW_ENDED, STREAM_END, true, WIRE_FIN },
    { "sdsdeR", FLOW_ENDED, STREAM_END, true, WIRE_FIN },
    { "r", FLOW_CUT, STREAM_RESET, true, WIRE_OPEN },
    { "sr", FLOW_CUT, STREAM_RESET, true, WIRE_OPEN },
    { "drR", FLOW_CUT, STREAM_RESET, true, WIRE_OPEN },
    { "dRrR", FLOW_CUT, STREAM_RESET, true, WIRE_OPEN },
    { "x", FLOW_OPEN, STREAM_OK, true, WIRE_RESET },
    { "xs", FLOW_BROKEN, STREAM_OK, false, WIRE_RESET },
    { "dx", FLOW_BROKEN, STREAM_OK, false, WIRE_RESET },
    { "dxd", FLOW_BROKEN, STREAM_OK, false, WIRE_RESET },
    { "dxe", FLOW_BROKEN, STREAM_OK, false, WIRE_RESET },
    { "dxr", FLOW_BROKEN, STREAM_OK, false, WIRE_RESET },
    { "dex", FLOW_BROKEN, STREAM_OK, false, WIRE_RESET },
    { "drx", FLOW_BROKEN, STREAM_OK, false, WIRE_RESET },
    { "xr", FLOW_CUT, STREAM_RESET, true, WIRE_RESET },
    { "c", FLOW_CUT, STREAM_OK, true, WIRE_OPEN },
    { "sc", FLOW_CUT, STREAM_OK, true, WIRE_OPEN },
    { "sce", FLOW_CUT, STREAM_OK, true, WIRE_OPEN },
    { "scr", FLOW_CUT, STREAM_OK, true, WIRE_OPEN },
    { "ec", FLOW_ENDED, STREAM_END, true, WIRE_FIN },
    { "rc", FLOW_CUT, STREAM_RESET, true, WIRE_OPEN },
    { "dcx", FLOW_BROKEN, STREAM_OK, false, WIRE_RESET },
};

static void
reset(int *fd)
{
    int gone = *fd;

    *fd = -1;
    wire_reset(gone);
    wire_sleep_ms(1);
}

/* What the flow's kernel may not have: a reset makes the sender forget it. */
static uint64_t unknown;

static uint64_t
unsent(int fd)
{
    int count;

    wire_sleep_ms(1);
    cr_assert_eq(ioctl(fd, SIOCOUTQ, &count), 0);
    return (uint64_t)count;
}

static void
take_step(char step)
{
    switch (step) {
    case 'd':
        channel_block(&channel);
        break;
    case 's':
        cr_assert_eq(channel_send(&channel, 100), 100);
        break;
    case 'e':
        shutdown(channel.in, SHUT_WR);
        break;
    case 'r':
        unknown = unsent(channel.in);
        reset(&channel.in);
        break;
    case 'x':
        reset(&channel.out);
        break;
    case 'c':
        flow_cut(&channel.flow);
        break;
    default:
        channel_finish(&channel);
    }
}

static void
expect_outcome(const struct row *row, const char *mode)
{
    struct flow *flow = &channel.flow;

    cr_expect_eq(flow->state, row->state, "%s, %s: state %d", row->script,
        mode, flow->state);
    if (row->state == FLOW_CUT)
        cr_expect_eq(flow->cause, row->cause, "%s, %s: cause %d", row->script,
            mode, flow->cause);
    if (row->got) {
        cr_expect(channel.received <= channel.sent &&
                channel.received >= channel.sent - unknown,
            "%s, %s: %d of %d", row->script, mode, (int)channel.received,
            (int)channel.sent);
        cr_expect(flow_is_drained(flow));
        cr_expect_null(flow->pipe);
    }
    cr_expect_not(channel.corrupt);
    if (channel.out >= 0)
        cr_expect_eq(wire_end(channel.out), row->end, "%s, %s: end %d",
            row->script, mode, wire_end(channel.out));
}

static void
run_row(const struct row *row, enum channel_mode mode)
{
    bool narrow = strpbrk(row->script, "d") != NULL;

    unknown = 0;
    channel_open(&channel, mode, wire_tcp, narrow);
    for (const char *step = row->script; *step != '\0'; step++) {
        take_step(*step);
        wire_sleep_ms(1);
        channel_run(&channel);
    }
    if (channel.out >= 0 && strchr(row->script, 'd') == NULL)
        channel_finish(&channel);
    expect_outcome(row, channel_modes[mode]);
    channel_close(&channel);
}

Test(flow_ends, in_every_order_copying)
{
    for (size_t i = 0; i < COUNT(rows); i++)
        run_row(&rows[i], CHANNEL_COPIES);
}

Test(flow_ends, in_every_order_splicing)
{
    for (size_t i = 0; i < COUNT(rows); i++)
        run_row(&rows[i], CHANNEL_SPLICES);
}

/* What is still behind a blocked sink when the source ends. */
Test(flow_ends, the_end_waits_behind_the_last_bytes)
{
    for (int mode = 0; mode < CHANNEL_MODES; mode++) {
        channel_open(&channel, mode, wire_unix, true);
        cr_expect_eq(channel_block(&channel), FLOW_WAITS_OUTPUT);
        shutdown(channel.in, SHUT_WR);
        for (int i = 0; i < 5; i++) {
            cr_expect_eq(channel_run(&channel), FLOW_WAITS_OUTPUT);
            cr_expect_not(channel.to.finished);
        }
        cr_expect_eq(channel_finish(&channel), FLOW_WAITS_NEVER);
        cr_expect_eq(channel.flow.state, FLOW_ENDED);
        cr_expect_eq(channel.received, channel.sent);
        cr_expect_eq(wire_end(channel.out), WIRE_FIN);
        channel_close(&channel);
    }
}

/* Neither TLS nor a test can make these from outside for a plain stream. */
static enum stream_status scripted;

static enum stream_status
read_scripted(struct stream *stream, void *data, size_t size, size_t *got)
{
    (void)stream, (void)data, (void)size;
    *got = 0;
    return scripted;
}

static const struct stream_ops scripted_ops = { .read = read_scripted };

static const struct {
    enum stream_status how;
    bool tolerant;
    enum flow_state want;
    enum wire_end end;
} truncations[] = {
    { STREAM_END, false, FLOW_ENDED, WIRE_FIN },
    { STREAM_END, true, FLOW_ENDED, WIRE_FIN },
    { STREAM_TRUNCATED, false, FLOW_CUT, WIRE_OPEN },
    { STREAM_TRUNCATED, true, FLOW_ENDED, WIRE_FIN },
    { STREAM_FAILED, false, FLOW_CUT, WIRE_OPEN },
    { STREAM_FAILED, true, FLOW_CUT, WIRE_OPEN },
    { STREAM_RESET, true, FLOW_CUT, WIRE_OPEN },
};

Test(flow_ends, truncation_is_an_end_only_where_it_is_tolerated)
{
    for (size_t i = 0; i < COUNT(truncations); i++) {
        channel_open(&channel, CHANNEL_COPIES, wire_unix, false);
        flow_start(&channel.flow, &channel.from, &channel.to, NULL,
            truncations[i].tolerant);
        channel.from.ops = &scripted_ops;
        scripted = truncations[i].how;
        cr_expect_eq(channel_run(&channel), FLOW_WAITS_NEVER);
        cr_expect_eq(channel.flow.state, truncations[i].want, "row %zu", i);
        cr_expect_eq(wire_end(channel.out), truncations[i].end, "row %zu", i);
        if (truncations[i].want == FLOW_CUT)
            cr_expect_eq(channel.flow.cause, truncations[i].how);
        channel.from.ops = &stream_plain_ops;
        channel_close(&channel);
    }
}
