#include "relay/limits_handed.h"

#include <criterion/criterion.h>

#include "base/scoreboard.h"
#include "relay/limits.h"
#include "relay/relay.h"
#include "relay/service.h"

enum { HERE, THERE, OTHER, SLOTS };

static struct scoreboard *board;
static struct relay relay;
static struct service service;

static void
set_up(void)
{
    board = scoreboard_new();
    service =
        (struct service){ .index = scoreboard_service_index(board, "web") };
    for (unsigned i = 0; i < SLOTS; i++)
        cr_assert_eq(scoreboard_slot_take(board, 0, i), i);
    relay = (struct relay){ .board = board, .slot = HERE,
        .max_connections = 1000 };
}

static void
tear_down(void)
{
    limits_handed_clear(&relay);
    limits_clear(&relay);
    scoreboard_free(board);
}

TestSuite(limits_handed, .init = set_up, .fini = tear_down);

static bool
hand(unsigned slot)
{
    limits_enter(&relay, &service);
    relay.accepted += 2;
    return limits_hand(&relay, slot, service.index);
}

static uint64_t
here(void)
{
    return scoreboard_slot_active(board, HERE, service.index);
}

Test(limits_handed, stays_counted_until_the_other_side_has_it)
{
    struct relay there = { .board = board, .slot = THERE };

    cr_expect_null(limits_pending(&relay));
    cr_assert(hand(THERE));
    cr_assert(hand(OTHER));
    cr_expect_eq(here(), 2);
    cr_expect_eq(limits_pending(&relay)[THERE], 1);
    cr_expect_eq(limits_pending_sum(&relay), 2);
    limits_take(&there, service.index);
    cr_expect_eq(scoreboard_active(board, service.index), 3,
        "too many, for a moment");
    limits_handed(&relay, THERE, service.index, 1);
    cr_expect_eq(here(), 1);
    cr_expect_eq(scoreboard_active(board, service.index), 2);
    cr_expect_eq(scoreboard_active(board, SCOREBOARD_ALL), 2);
    limits_keep(&relay, OTHER, service.index);
    cr_expect_eq(here(), 1, "it stays");
    cr_expect_eq(limits_pending_sum(&relay), 0);
}

/* A worker that has been taken over says that it has what it was never sent. */
Test(limits_handed, believes_no_more_than_was_handed_over)
{
    for (int i = 0; i < 3; i++)
        cr_assert(hand(THERE));
    limits_enter(&relay, &service);
    limits_handed(&relay, OTHER, service.index, 1);
    limits_handed(&relay, THERE, SCOREBOARD_ALL, 1);
    cr_expect_eq(here(), 4);
    limits_handed(&relay, THERE, service.index, UINT32_MAX);
    cr_expect_eq(here(), 1);
    limits_handed(&relay, THERE, service.index, 1);
    cr_expect_eq(here(), 1);
}

Test(limits_handed, hands_no_more_to_who_takes_nothing)
{
    int sent = 0;

    while (sent < 2000 && hand(THERE))
        sent++;
    cr_expect_eq(sent, 256);
    cr_expect(hand(OTHER), "others take them");
    limits_forget(&relay, THERE);
    cr_expect_eq(here(), 2, "it is gone");
    cr_expect(hand(THERE), "the next one in its place");
    limits_forget_all(&relay);
    cr_expect_eq(here(), 1);
    cr_expect_eq(limits_pending_sum(&relay), 0);
}
