#include "net/ticker.h"

#include <event2/event.h>

#include <stddef.h>

#include <criterion/criterion.h>

static struct event_base *base;
static unsigned ticks;

static void
on_tick(void *arg)
{
    ticks++;
    ticker_stop(arg);
    event_base_loopbreak(base);
}

static int
count_timeout(const struct event_base *of, const struct event *event, void *arg)
{
    unsigned *count = arg;

    (void)of;
    *count += event_pending(event, EV_TIMEOUT, NULL) != 0;
    return 0;
}

/* Those for which epoll_wait(2) is given a timeout. */
static unsigned
pending_timeouts(void)
{
    unsigned count = 0;

    event_base_foreach_event(base, count_timeout, &count);
    return count;
}

Test(ticker, ticks_without_a_timeout_of_the_loop)
{
    struct ticker ticker = { 0 };

    base = event_base_new();
    cr_assert(ticker_open(&ticker, base, on_tick, &ticker));
    cr_expect_not(ticker.running);
    ticker_start(&ticker);
    cr_expect(ticker.running);
    cr_expect_eq(pending_timeouts(), 0);
    event_base_dispatch(base);
    cr_expect_eq(ticks, 1);
    cr_expect_not(ticker.running);
    ticker_close(&ticker);
    cr_expect_eq(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 0);
    event_base_free(base);
}

Test(ticker, needs_no_opening_to_be_closed)
{
    struct ticker ticker = { 0 };

    ticker_close(&ticker);
    cr_expect_null(ticker.readable);
}
