/* Moving bytes: in order, within bounds, and without keeping what idles. */
#include "relay/flow.h"

#include <sys/socket.h>

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "channel.h"
#include "net/loop.h"
#include "net/wire.h"

enum { BULK = 4 << 20, CHUNK_LEAST = 16 << 10 };

static struct channel channel;

TestSuite(flow, .timeout = 60);

static const struct {
    void (*make)(int fds[2]);
    bool narrow;
    size_t total;
} wires[] = {
    { wire_unix, false, BULK },
    { wire_unix, true, BULK },
    { wire_tcp, false, BULK },
    { wire_tcp, true, 30000 },
};

static void
expect_idle(void)
{
    cr_expect_null(channel.flow.pipe, "an idle flow keeps no pipe");
    cr_expect_null(channel.to.pending.data);
    cr_expect(flow_is_drained(&channel.flow));
}

static void
expect_bounds(void)
{
    size_t pending = buffer_length(&channel.to.pending);

    cr_assert_leq(pending, LOOP_SCRATCH_BYTES);
    cr_assert_geq(channel.flow.chunk, CHUNK_LEAST);
    cr_assert_leq(channel.flow.chunk, LOOP_SCRATCH_BYTES);
    if (channel.flow.pipe != NULL)
        cr_assert(channel.flow.pipe->length > 0 &&
            channel.flow.pipe->length <= channel.flow.pipe->size);
    cr_assert_eq(flow_is_drained(&channel.flow),
        pending == 0 && channel.flow.pipe == NULL);
}

Test(flow, carries_all_in_order)
{
    srandom(3);
    for (int mode = 0; mode < CHANNEL_MODES; mode++)
        for (size_t i = 0; i < COUNT(wires); i++) {
            size_t total = wires[i].total;

            channel_open(&channel, mode, wires[i].make, wires[i].narrow);
            while (channel.sent < total) {
                size_t size = 1 + (size_t)random() % 200000;

                if (size > total - channel.sent)
                    size = total - channel.sent;
                channel_send(&channel, size);
                cr_assert_neq(channel_run(&channel), FLOW_WAITS_NEVER);
                expect_bounds();
                if (random() % 3 > 0)
                    channel_receive(&channel);
            }
            cr_expect_eq(channel_finish(&channel), FLOW_WAITS_INPUT);
            cr_expect_eq(channel.received, total);
            cr_expect_eq(channel.flow.bytes, total);
            cr_expect_not(channel.corrupt);
            expect_idle();
            channel_close(&channel);
        }
}

Test(flow, with_a_stopped_reader_costs_one_chunk_or_pipe)
{
    for (int mode = 0; mode < CHANNEL_MODES; mode++) {
        uint64_t before;

        channel_open(&channel, mode, wire_unix, true);
        channel_block(&channel);
        before = channel.flow.bytes;
        for (int i = 0; i < 100; i++) {
            channel_send(&channel, 1 << 20);
            cr_assert_eq(channel_run(&channel), FLOW_WAITS_OUTPUT);
            cr_assert_eq(channel.flow.bytes, before, "it reads no more");
            expect_bounds();
        }
        cr_expect_eq(channel_send(&channel, 1), 0, "the source is held up");
        channel_finish(&channel);
        cr_expect_eq(channel.received, channel.sent);
        cr_expect_not(channel.corrupt);
        channel_close(&channel);
    }
}

/* A fast source and a fast sink: after so much the others have their turn. */
Test(flow, has_a_budget_for_each_turn)
{
    for (int mode = 0; mode < CHANNEL_MODES; mode++) {
        uint64_t before = 0;
        int turns = 0;

        channel_open(&channel, mode, wire_unix, false);
        if (!channel_widen(&channel))
            cr_skip_test("it takes rights to widen a socket");
        cr_assert_eq(channel_send(&channel, BULK), BULK);
        channel.flow.splicing = mode == CHANNEL_SPLICES;
        while (flow_run(&channel.flow) == FLOW_WAITS_TURN) {
            cr_expect_leq(
                channel.flow.bytes - before, (256 << 10) + PIPE_BYTES);
            before = channel.flow.bytes;
            turns++;
        }
        cr_expect_geq(turns, 4);
        cr_expect_eq(channel.flow.bytes, BULK);
        channel_close(&channel);
    }
}

Test(flow, chunk_grows_while_the_sink_drinks_and_shrinks_when_it_chokes)
{
    channel_open(&channel, CHANNEL_COPIES, wire_unix, false);
    cr_expect_eq(channel.flow.chunk, CHUNK_LEAST);
    channel_send(&channel, 5000); /* small messages earn nothing */
    channel_run(&channel);
    cr_expect_eq(channel.flow.chunk, CHUNK_LEAST);
    for (int i = 0; i < 200; i++) {
        channel_send(&channel, BULK);
        channel_run(&channel);
        channel_receive(&channel);
    }
    cr_expect_gt(channel.flow.chunk, 2 * CHUNK_LEAST);
    wire_shrink(channel.to.fd);
    for (int i = 0; i < 200; i++) {
        channel_send(&channel, BULK);
        channel_run(&channel);
        wire_receive(channel.out, (uint8_t[4096]){ 0 }, 4096);
    }
    cr_expect_eq(channel.flow.chunk, CHUNK_LEAST);
    channel_close(&channel);
}

Test(flow, splices_once_the_traffic_proves_bulk)
{
    channel_open(&channel, CHANNEL_COPIES, wire_unix, false);
    channel.flow.pipes = &channel.pool;
    if (!channel_widen(&channel))
        cr_skip_test("it takes rights to widen a socket");
    cr_assert_eq(channel_send(&channel, BULK), BULK);
    cr_expect_eq(flow_run(&channel.flow), FLOW_WAITS_TURN);
    cr_expect_eq(channel.pool.open, 0);
    channel_run(&channel);
    cr_expect_eq(channel.pool.open, 1);
    expect_idle();
    for (int i = 0; i < 2; i++) { /* a trickle is copied again */
        channel_send(&channel, 100);
        cr_expect_eq(flow_run(&channel.flow), FLOW_WAITS_INPUT);
        cr_expect_not(channel.flow.splicing);
    }
    channel_receive(&channel);
    cr_expect_eq(channel.received, channel.sent);
    cr_expect_not(channel.corrupt);
    channel_close(&channel);
}

Test(flow, copies_when_no_pipe_is_to_be_had)
{
    struct pipe *taken[PIPE_POOL_MAX];

    channel_open(&channel, CHANNEL_SPLICES, wire_unix, false);
    for (size_t i = 0; i < PIPE_POOL_MAX; i++)
        taken[i] = pipe_take(&channel.pool);
    while (channel.sent < BULK) {
        channel_send(&channel, BULK - channel.sent);
        channel_run(&channel);
        cr_expect_null(channel.flow.pipe);
        channel_receive(&channel);
    }
    channel_finish(&channel);
    cr_expect_eq(channel.received, BULK);
    cr_expect_not(channel.corrupt);
    for (size_t i = 0; i < PIPE_POOL_MAX; i++)
        pipe_give(&channel.pool, taken[i]);
    channel_close(&channel);
}

/* A flow that ends with bytes in its pipe leaves none to the next one. */
Test(flow, stopping_gives_the_pipe_back_empty)
{
    channel_open(&channel, CHANNEL_SPLICES, wire_unix, true);
    channel_block(&channel);
    cr_assert_not_null(channel.flow.pipe);
    flow_stop(&channel.flow);
    flow_stop(&channel.flow);
    cr_expect_null(channel.flow.pipe);
    for (struct pipe *pipe = channel.pool.idle; pipe; pipe = pipe->next) {
        struct pollfd left = { .fd = pipe->read_fd, .events = POLLIN };

        cr_expect_eq(poll(&left, 1, 0), 0);
    }
    channel_close(&channel);
}
