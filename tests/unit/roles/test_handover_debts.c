#include "roles/handover_debts.h"

#include <event2/event.h>

#include <string.h>

#include <criterion/criterion.h>

static struct event_base *base;
static struct handover_debts debts;
static unsigned refusals; /* so many times it has to be told later */
static uint32_t told[3][3];
static unsigned tellings;

static bool
tell(void *arg, unsigned slot, unsigned service, uint32_t count)
{
    cr_expect_eq(arg, told);
    tellings++;
    if (refusals > 0) {
        refusals--;
        return false;
    }
    told[slot][service] += count;
    return true;
}

static void
set_up(void)
{
    base = event_base_new();
    memset(told, 0, sizeof(told));
    refusals = tellings = 0;
    cr_assert(handover_debts_open(&debts, base, tell, told));
}

static void
tear_down(void)
{
    handover_debts_close(&debts);
    event_base_free(base);
}

TestSuite(handover_debts, .init = set_up, .fini = tear_down, .timeout = 30);

/* Ends when no timer is left. */
static void
pay(void)
{
    while (!LIST_EMPTY(&debts.list))
        event_base_loop(base, EVLOOP_ONCE);
}

Test(handover_debts, are_added_up_for_each_worker_and_service)
{
    handover_debts_add(&debts, 1, 2);
    handover_debts_add(&debts, 1, 2);
    handover_debts_add(&debts, 1, 0);
    handover_debts_add(&debts, 2, 2);
    pay();
    cr_expect_eq(told[1][2], 2);
    cr_expect_eq(told[1][0], 1);
    cr_expect_eq(told[2][2], 1);
    cr_expect_eq(tellings, 3);
}

Test(handover_debts, are_told_until_they_are_heard)
{
    refusals = 3;
    handover_debts_add(&debts, 0, 1);
    event_base_loop(base, EVLOOP_ONCE);
    handover_debts_add(&debts, 0, 1);
    pay();
    cr_expect_eq(told[0][1], 2);
    cr_expect_eq(tellings, 4);
}

Test(handover_debts, are_forgotten_at_the_end)
{
    handover_debts_add(&debts, 0, 1);
    handover_debts_close(&debts);
    handover_debts_close(&debts);
    cr_expect_eq(tellings, 0);
}
