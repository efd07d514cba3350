/* Every order of data, ends, resets and blocks, copying and splicing.
 * Promise 3. */
#include <sys/socket.h>

#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "duct.h"
#include "net/loop.h"
#include "net/wire.h"

static struct duct duct;

TestSuite(flow_ends, .timeout = 60);

/* One letter a step; after each the flow runs, and no peer reads but in "R".
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

/* What the flow's kernel may not have: a reset makes the sender forget it. */
static uint64_t unknown;

static void
take_step(char step)
{
    switch (step) {
    case 'd':
        duct_block(&duct);
        break;
    case 's':
        cr_assert(duct_send(&duct, 100) == 100 ||
            duct.flow.wait == FLOW_WAITS_OUTPUT);
        break;
    case 'e':
        shutdown(duct.in, SHUT_WR);
        break;
    case 'r':
        wire_sleep_ms(1);
        unknown = wire_unsent(duct.in);
        duct_reset(&duct.in);
        wire_sleep_ms(1);
        break;
    case 'x':
        duct_reset(&duct.out);
        wire_sleep_ms(1);
        break;
    case 'c':
        flow_cut(&duct.flow);
        break;
    default:
        duct_finish(&duct);
    }
}

static void
expect_outcome(const struct row *row, const char *mode)
{
    struct flow *flow = &duct.flow;

    cr_expect_eq(flow->state, row->state, "%s, %s: state %d", row->script,
        mode, flow->state);
    if (row->state == FLOW_CUT)
        cr_expect_eq(flow->cause, row->cause, "%s, %s: cause %d", row->script,
            mode, flow->cause);
    if (row->got) {
        cr_expect(duct.received <= duct.sent &&
                duct.received >= duct.sent - unknown,
            "%s, %s: %d of %d", row->script, mode, (int)duct.received,
            (int)duct.sent);
        cr_expect(flow_is_drained(flow));
        cr_expect_null(flow->pipe);
    }
    cr_expect_not(duct.corrupt);
    if (duct.out >= 0)
        cr_expect_eq(wire_end(duct.out), row->end, "%s, %s: end %d",
            row->script, mode, wire_end(duct.out));
}

static void
run_row(const struct row *row, enum duct_mode mode)
{
    bool narrow = strpbrk(row->script, "d") != NULL;

    unknown = 0;
    duct_open(&duct, mode, wire_tcp, narrow);
    for (const char *step = row->script; *step != '\0'; step++) {
        take_step(*step);
        wire_sleep_ms(1);
        duct_run(&duct);
    }
    if (duct.out >= 0 && strchr(row->script, 'd') == NULL)
        duct_finish(&duct);
    expect_outcome(row, duct_modes[mode]);
    duct_close(&duct);
}

Test(flow_ends, in_every_order_copying)
{
    for (size_t i = 0; i < COUNT(rows); i++)
        run_row(&rows[i], DUCT_COPIES);
}

Test(flow_ends, in_every_order_splicing)
{
    for (size_t i = 0; i < COUNT(rows); i++)
        run_row(&rows[i], DUCT_SPLICES);
}

/* What is still behind a blocked sink when the source ends. */
Test(flow_ends, the_end_waits_behind_the_last_bytes)
{
    for (int mode = 0; mode < DUCT_MODES; mode++) {
        duct_open(&duct, mode, wire_unix, true);
        cr_expect_eq(duct_block(&duct), FLOW_WAITS_OUTPUT);
        shutdown(duct.in, SHUT_WR);
        for (int i = 0; i < 5; i++) {
            cr_expect_eq(duct_run(&duct), FLOW_WAITS_OUTPUT);
            cr_expect_not(duct.to.finished);
        }
        cr_expect_eq(duct_finish(&duct), FLOW_WAITS_NEVER);
        cr_expect_eq(duct.flow.state, FLOW_ENDED);
        cr_expect_eq(duct.received, duct.sent);
        cr_expect_eq(wire_end(duct.out), WIRE_FIN);
        duct_close(&duct);
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
        duct_open(&duct, DUCT_COPIES, wire_unix, false);
        flow_start(&duct.flow, &duct.from, &duct.to, NULL,
            truncations[i].tolerant);
        duct.from.ops = &scripted_ops;
        scripted = truncations[i].how;
        cr_expect_eq(duct_run(&duct), FLOW_WAITS_NEVER);
        cr_expect_eq(duct.flow.state, truncations[i].want, "row %zu", i);
        cr_expect_eq(wire_end(duct.out), truncations[i].end, "row %zu", i);
        if (truncations[i].want == FLOW_CUT)
            cr_expect_eq(duct.flow.cause, truncations[i].how);
        duct.from.ops = &stream_plain_ops;
        duct_close(&duct);
    }
}
