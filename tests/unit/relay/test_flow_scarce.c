/* Many readers that stop: what each costs when much is kept for others. */
#include "relay/flow.h"

#include <criterion/criterion.h>

#include "duct.h"
#include "net/loop.h"
#include "net/wire.h"

enum { BULK = 4 << 20, CHUNK_LEAST = 16 << 10, LEAST = 8 << 10 };

static struct duct duct;

TestSuite(flow_scarce, .timeout = 60);

static const struct {
    size_t kept_for_others;
    size_t most; /* that is kept for one more */
} cases[] = {
    { 0, CHUNK_LEAST },
    { 2 << 20, CHUNK_LEAST / 2 },
    { 64 << 20, LEAST },
};

/* Promise 18 */
Test(flow_scarce, a_reader_that_stops_costs_its_share)
{
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t others = cases[i].kept_for_others;
        struct loop *loop;

        duct_open(&duct, DUCT_COPIES, wire_unix, false);
        loop = duct.flow.to->loop;
        loop->kept += others;
        duct_block(&duct);
        cr_expect_leq(buffer_length(&duct.to.pending), cases[i].most);
        cr_expect_eq(
            loop->kept, others + buffer_length(&duct.to.pending));
        duct_finish(&duct);
        cr_expect_eq(duct.received, duct.sent);
        cr_expect_not(duct.corrupt);
        cr_expect_eq(loop->kept, others, "nothing waits any more");
        loop->kept -= others;
        duct_close(&duct);
    }
}

Test(flow_scarce, what_a_closed_stream_kept_is_not_kept)
{
    struct loop *loop;

    duct_open(&duct, DUCT_COPIES, wire_unix, true);
    loop = duct.flow.to->loop;
    duct_block(&duct);
    cr_expect_gt(loop->kept, 0);
    stream_close(&duct.to);
    cr_expect_eq(loop->kept, 0);
    duct_close(&duct);
}

/* Others have their chunks as ever: their queues are short. */
Test(flow_scarce, who_does_not_lag_is_not_slowed)
{
    duct_open(&duct, DUCT_COPIES, wire_unix, false);
    duct.flow.to->loop->kept = 64 << 20;
    for (int i = 0; i < 20; i++) {
        uint64_t before = duct.flow.bytes;

        duct_send(&duct, CHUNK_LEAST);
        cr_expect_eq(flow_run(&duct.flow), FLOW_WAITS_INPUT);
        cr_expect_eq(duct.flow.bytes - before, CHUNK_LEAST);
        duct_receive(&duct);
    }
    duct.flow.to->loop->kept = 0;
    duct_close(&duct);
}
