/* Moving bytes: in order, within bounds, and without keeping what idles. */
#include "relay/flow.h"

#include <sys/socket.h>

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "duct.h"
#include "net/full.h"
#include "net/loop.h"
#include "net/wire.h"

enum { BULK = WIRE_BULK, CHUNK_LEAST = 16 << 10, ROUNDS = 12 };

static struct duct duct;

TestSuite(flow, .timeout = 60);

static bool
is_sink(int fd)
{
    return fd == duct.to.fd;
}

static void
expect_idle(void)
{
    cr_expect_null(duct.flow.pipe, "an idle flow keeps no pipe");
    cr_expect_null(duct.to.pending.data);
    cr_expect(flow_is_drained(&duct.flow));
}

static void
expect_bounds(void)
{
    size_t pending = buffer_length(&duct.to.pending);

    cr_assert_leq(pending, LOOP_SCRATCH_BYTES);
    cr_assert_geq(duct.flow.chunk, CHUNK_LEAST);
    cr_assert_leq(duct.flow.chunk, LOOP_SCRATCH_BYTES);
    if (duct.flow.pipe != NULL)
        cr_assert(duct.flow.pipe->length > 0 &&
            duct.flow.pipe->length <= duct.flow.pipe->size);
    cr_assert_eq(flow_is_drained(&duct.flow),
        pending == 0 && duct.flow.pipe == NULL);
}

/* Promise 1 */
Test(flow, carries_all_in_order)
{
    srandom(3);
    for (int mode = 0; mode < DUCT_MODES; mode++)
        for (size_t i = 0; i < WIRE_KINDS; i++) {
            size_t total = wire_kinds[i].total;

            duct_open(&duct, mode, wire_kinds[i].make, wire_kinds[i].narrow);
            while (duct.sent < total) {
                size_t size = 1 + (size_t)random() % 200000;

                if (size > total - duct.sent)
                    size = total - duct.sent;
                duct_send(&duct, size);
                cr_assert_neq(duct_run(&duct), FLOW_WAITS_NEVER);
                expect_bounds();
                if (random() % 3 > 0)
                    duct_receive(&duct);
            }
            cr_expect_eq(duct_finish(&duct), FLOW_WAITS_INPUT);
            cr_expect_eq(duct.received, total);
            cr_expect_eq(duct.flow.bytes, total);
            cr_expect_not(duct.corrupt);
            expect_idle();
            duct_close(&duct);
        }
}

/* Promise 18 */
Test(flow, with_a_stopped_reader_costs_one_chunk_or_pipe)
{
    for (int mode = 0; mode < DUCT_MODES; mode++) {
        uint64_t before;

        duct_open(&duct, mode, wire_unix, true);
        duct_block(&duct);
        before = duct.flow.bytes;
        for (int i = 0; i < 100; i++) {
            duct_send(&duct, 1 << 20);
            cr_assert_eq(duct_run(&duct), FLOW_WAITS_OUTPUT);
            cr_assert_eq(duct.flow.bytes, before, "it reads no more");
            expect_bounds();
        }
        cr_expect_eq(duct_send(&duct, 1), 0, "the source is held up");
        duct_finish(&duct);
        cr_expect_eq(duct.received, duct.sent);
        cr_expect_not(duct.corrupt);
        duct_close(&duct);
    }
}

/* A fast source and a fast sink: after so much the others have their turn.
 * Promise 15. */
Test(flow, has_a_budget_for_each_turn)
{
    for (int mode = 0; mode < DUCT_MODES; mode++) {
        uint64_t before = 0;
        int turns = 0;

        duct_open(&duct, mode, wire_unix, false);
        duct_widen(&duct);
        for (int i = 0; i < ROUNDS; i++) {
            duct_send(&duct, BULK); /* as far as it fits */
            duct.flow.splicing = mode == DUCT_SPLICES;
            turns += flow_run(&duct.flow) == FLOW_WAITS_TURN;
            cr_expect_leq(
                duct.flow.bytes - before, (256 << 10) + PIPE_BYTES);
            before = duct.flow.bytes;
            duct_receive(&duct);
        }
        cr_expect_geq(turns, 4, "%s: %d", duct_modes[mode], turns);
        duct_finish(&duct);
        cr_expect_eq(duct.received, duct.sent);
        duct_close(&duct);
    }
}

Test(flow, chunk_grows_while_the_sink_drinks_and_of_a_full_one_little_waits)
{
    duct_open(&duct, DUCT_COPIES, wire_unix, false);
    cr_expect_eq(duct.flow.chunk, CHUNK_LEAST);
    duct_send(&duct, 5000); /* small messages earn nothing */
    duct_run(&duct);
    cr_expect_eq(duct.flow.chunk, CHUNK_LEAST);
    for (int i = 0; i < 200; i++) {
        duct_send(&duct, BULK);
        duct_run(&duct);
        duct_receive(&duct);
    }
    cr_expect_gt(duct.flow.chunk, 2 * CHUNK_LEAST);
    wire_shrink(duct.to.fd);
    for (int i = 0; i < 200; i++) {
        duct_send(&duct, BULK);
        duct_run(&duct);
        wire_receive(duct.out, (uint8_t[4096]){ 0 }, 4096);
        cr_expect_leq(buffer_length(&duct.to.pending), CHUNK_LEAST);
    }
    cr_expect_eq(duct_run(&duct), FLOW_WAITS_OUTPUT);
    duct_close(&duct);
}

Test(flow, splices_once_the_traffic_proves_bulk)
{
    duct_open(&duct, DUCT_COPIES, wire_unix, false);
    duct.flow.pipes = &duct.pool;
    duct_widen(&duct);
    duct_send(&duct, BULK);
    cr_expect_eq(flow_run(&duct.flow), FLOW_WAITS_TURN);
    cr_expect_eq(duct.pool.open, 0);
    for (int i = 0; i < ROUNDS; i++) {
        duct_run(&duct);
        duct_receive(&duct);
        duct_send(&duct, BULK);
    }
    duct_finish(&duct);
    cr_expect_eq(duct.pool.open, 1);
    expect_idle();
    for (int i = 0; i < 2; i++) { /* a trickle is copied again */
        duct_send(&duct, 100);
        cr_expect_eq(flow_run(&duct.flow), FLOW_WAITS_INPUT);
        cr_expect_not(duct.flow.splicing);
    }
    duct_receive(&duct);
    cr_expect_eq(duct.received, duct.sent);
    cr_expect_not(duct.corrupt);
    duct_close(&duct);
}

Test(flow, copies_when_no_pipe_is_to_be_had)
{
    struct pipe *taken[PIPE_POOL_MAX];

    duct_open(&duct, DUCT_SPLICES, wire_unix, false);
    for (size_t i = 0; i < PIPE_POOL_MAX; i++)
        taken[i] = pipe_take(&duct.pool);
    while (duct.sent < BULK) {
        duct_send(&duct, BULK - duct.sent);
        duct_run(&duct);
        cr_expect_null(duct.flow.pipe);
        duct_receive(&duct);
    }
    duct_finish(&duct);
    cr_expect_eq(duct.received, BULK);
    cr_expect_not(duct.corrupt);
    for (size_t i = 0; i < PIPE_POOL_MAX; i++)
        pipe_give(&duct.pool, taken[i]);
    duct_close(&duct);
}

/* A flow that ends with bytes in its pipe leaves none to the next one. */
Test(flow, stopping_gives_the_pipe_back_empty)
{
    const struct pipe *pipe;

    full_set(is_sink);
    duct_open(&duct, DUCT_SPLICES, wire_unix, true);
    duct_block(&duct);
    cr_assert_not_null(duct.flow.pipe);
    full_set(NULL);
    flow_stop(&duct.flow);
    flow_stop(&duct.flow);
    cr_expect_null(duct.flow.pipe);
    SLIST_FOREACH(pipe, &duct.pool.idle, entry) {
        struct pollfd left = { .fd = pipe->read_fd, .events = POLLIN };

        cr_expect_eq(poll(&left, 1, 0), 0);
    }
    duct_close(&duct);
}
