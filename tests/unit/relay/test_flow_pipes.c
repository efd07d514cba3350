/* Readers that stop do not keep the few pipes from flows that move. */
#include "relay/flow.h"

#include <sys/socket.h>

#include <fcntl.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "duct.h"
#include "net/loop.h"
#include "net/full.h"
#include "net/wire.h"

enum { MUCH = 200000 };

static struct pipe_pool pool;
static struct duct stopped[PIPE_POOL_MAX], moving;

TestSuite(flow_pipes, .timeout = 60);

static bool
is_stopped(int fd)
{
    for (size_t i = 0; i < PIPE_POOL_MAX; i++)
        if (stopped[i].to.fd == fd)
            return true;
    return false;
}

static void
open_duct(struct duct *duct)
{
    duct_open(duct, DUCT_SPLICES, wire_unix, false);
    duct->flow.pipes = &pool;
}

/* Until bytes wait in a pipe of its own. */
static void
stop_reading(struct duct *duct)
{
    open_duct(duct);
    duct_send(duct, MUCH);
    cr_assert_eq(duct_run(duct), FLOW_WAITS_OUTPUT);
    cr_assert_not_null(duct->flow.pipe);
}

static size_t
pipes_held(void)
{
    size_t count = 0;

    for (size_t i = 0; i < PIPE_POOL_MAX; i++)
        count += stopped[i].flow.pipe != NULL;
    return count;
}

/* All that was sent comes, from pipes and from what they were emptied into. */
static void
finish(struct duct *duct)
{
    full_set(NULL);
    duct_finish(duct);
    cr_expect_eq(duct->received, duct->sent);
    cr_expect_not(duct->corrupt);
    cr_expect_null(duct->flow.pipe);
    cr_expect_eq(duct->loop->kept, 0);
    flow_stop(&duct->flow);
    duct_close(duct);
}

static void
set_up_stopped(void)
{
    full_set(is_stopped);
    for (size_t i = 0; i < PIPE_POOL_MAX; i++)
        stop_reading(&stopped[i]);
    open_duct(&moving);
}

static void
run_moving(void)
{
    duct_send(&moving, MUCH);
    duct_run(&moving);
}

Test(flow_pipes, one_that_is_blocked_for_a_moment_keeps_its_pipe)
{
    set_up_stopped();
    for (size_t i = 0; i < PIPE_POOL_MAX; i++)
        stopped[i].flow.pipe->since_ms += 60000; /* on a slow machine, too */
    run_moving();
    cr_expect_eq(pipes_held(), PIPE_POOL_MAX);
    cr_expect_null(moving.flow.pipe);
    for (size_t i = 0; i < PIPE_POOL_MAX; i++)
        finish(&stopped[i]);
    finish(&moving);
    pipe_pool_clear(&pool);
}

Test(flow_pipes, one_that_is_blocked_for_longer_gives_it_to_another)
{
    set_up_stopped();
    wire_sleep_ms(PIPE_BLOCKED_MS + 1);
    run_moving();
    cr_expect_eq(pipes_held(), PIPE_POOL_MAX - 1);
    cr_expect_null(stopped[0].flow.pipe, "it has waited longest");
    cr_expect_gt(buffer_length(&stopped[0].to.pending), 0);
    cr_expect_eq(
        stopped[0].loop->kept, buffer_length(&stopped[0].to.pending));
    cr_expect_leq(pool.open, PIPE_POOL_MAX);
    for (size_t i = 0; i < PIPE_POOL_MAX; i++)
        finish(&stopped[i]);
    finish(&moving);
    pipe_pool_clear(&pool);
}

/* What waits for a sink that is gone is lost, and its pipe is made anew. */
Test(flow_pipes, that_of_a_broken_sink_is_had_as_well)
{
    set_up_stopped();
    close(stopped[0].out);
    stopped[0].out = -1;
    full_set(NULL);
    cr_assert_eq(duct_run(&stopped[0]), FLOW_WAITS_NEVER);
    cr_assert_eq(stopped[0].flow.state, FLOW_BROKEN);
    stream_close(&stopped[0].to);
    wire_sleep_ms(PIPE_BLOCKED_MS + 1);
    run_moving();
    cr_expect_eq(pipes_held(), PIPE_POOL_MAX - 1);
    cr_expect_null(stopped[0].to.pending.data);
    duct_close(&stopped[0]);
    for (size_t i = 1; i < PIPE_POOL_MAX; i++)
        finish(&stopped[i]);
    finish(&moving);
    pipe_pool_clear(&pool);
    cr_expect_eq(pool.open, 0);
}
