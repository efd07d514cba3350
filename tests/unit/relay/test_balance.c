#include "relay/balance.h"

#include <criterion/criterion.h>

#include "base/base.h"

Test(balance, moves_what_is_clearly_uneven)
{
    static const struct {
        uint64_t own, least;
        bool moves;
    } cases[] = {
        { 0, 0, false },
        { 1, 0, false }, /* the only one, and the only worker to have any */
        { 2, 0, true },
        { 2, 1, false },
        { 3, 1, true },
        { 10, 6, false }, /* of 16: more than a third */
        { 11, 5, true },
        { 13, 8, false }, /* half of 8 */
        { 14, 8, true },
        { 8, 14, false },
        { 1501, 1000, false },
        { 1502, 1000, true },
        { 0, UINT64_MAX, false },
        { UINT64_MAX, UINT64_MAX, false },
        { UINT64_MAX, 0, true },
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        cr_expect_eq(balance_should_move(cases[i].own, cases[i].least),
            cases[i].moves, "%zu", i);
}

/* However uneven it began, moving one at a time comes to rest. */
Test(balance, comes_to_rest)
{
    uint64_t own = 1000, least = 0;
    int moves = 0;

    while (balance_should_move(own, least)) {
        own--;
        least++;
        cr_assert_lt(moves++, 500);
    }
    cr_expect_not(balance_should_move(least, own), "not back and forth");
    cr_expect_leq(own, least + least / 2 + 2);
}

/* Accepts `count` connections, and offers each of them. */
static unsigned
draws(uint64_t *drawn, uint64_t *accepted, unsigned count)
{
    unsigned taken = 0;

    for (unsigned i = 0; i < count; i++)
        taken += balance_draw(drawn, ++*accepted);
    return taken;
}

Test(balance, draws_every_second_one_behind_a_burst)
{
    uint64_t drawn = 0, accepted = 0;

    cr_expect_eq(draws(&drawn, &accepted, BALANCE_BURST), BALANCE_BURST);
    cr_expect_eq(draws(&drawn, &accepted, 1000),
        500 + BALANCE_BURST / 2, "half of them, and what the burst left");
    cr_expect_eq(draws(&drawn, &accepted, 1000), 500);
    accepted += 10; /* of which it was offered none */
    cr_expect_eq(draws(&drawn, &accepted, 8), 8);
    accepted += UINT64_C(1) << 40;
    cr_expect_eq(draws(&drawn, &accepted, 1000), 500 + BALANCE_BURST,
        "a long silence earns no more than a burst");
}
