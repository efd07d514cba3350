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
