#include "relay/feeds.h"

#include <criterion/criterion.h>

enum { START_MS = 5000000 };

static struct feeds feeds;

static void
set_up(void)
{
    feeds = (struct feeds){ .since_ms = 0 };
}

TestSuite(feeds, .init = set_up);

static bool
knows(unsigned index, uint64_t later_ms)
{
    struct feeds_set set = { { 0 } };
    bool any = feeds_spread(&feeds, &set, START_MS + later_ms);

    cr_expect(any || !feeds_set_has(&set, index));
    return feeds_set_has(&set, index);
}

Test(feeds, are_forgotten_unless_they_are_said_again)
{
    static const struct {
        uint64_t said_ms, asked_ms;
        bool known;
    } cases[] = {
        { 0, 0, true }, { 0, 59999, true }, { 0, 60000, true },
        { 0, 120000, false }, { 59999, 60000, true }, { 59999, 119999, true },
        { 59999, 180000, false }, { 0, 3600000, false },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        set_up();
        feeds_add(&feeds, 7, START_MS);
        feeds_add(&feeds, 1000, START_MS + cases[i].said_ms);
        cr_expect_eq(knows(1000, cases[i].asked_ms), cases[i].known, "%zu", i);
        cr_expect_not(knows(8, cases[i].asked_ms));
    }
}

Test(feeds, stay_as_long_as_they_are_said)
{
    for (uint64_t ms = 0; ms < 600000; ms += 50000) {
        cr_expect(ms == 0 || knows(64, ms));
        feeds_add(&feeds, 64, START_MS + ms);
    }
    cr_expect_not(knows(64, 900000));
}

Test(feeds, tell_what_was_new)
{
    struct feeds_set set = { { 0 } };

    cr_expect_not(feeds_spread(&feeds, &set, START_MS));
    feeds_add(&feeds, SCOREBOARD_SERVICES - 1, START_MS);
    cr_expect(feeds_spread(&feeds, &set, START_MS));
    cr_expect_not(feeds_spread(&feeds, &set, START_MS));
}
