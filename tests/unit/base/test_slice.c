#include "base/slice.h"

#include <criterion/criterion.h>

#define MS(n) ((uint64_t)(n) * 1000000)

Test(slice, lasts_a_third_of_the_time_or_a_millisecond)
{
    static const struct {
        uint64_t others_ms; /* since the slice before */
        uint64_t length_ms;
    } cases[] = {
        { 0, 1 }, { 1, 1 }, { 2, 1 }, { 6, 3 }, { 30, 15 }, { 40, 20 },
        { 41, 20 }, { 3600000, 20 },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        struct slice slice = { 0 };
        uint64_t now = MS(1000), end;

        slice_begin(&slice, now);
        cr_expect(slice_goes_on(&slice, now + MS(1) - 1));
        cr_expect_not(slice_goes_on(&slice, now + MS(1)));
        slice_end(&slice, now + MS(1));
        now += MS(1) + MS(cases[i].others_ms);
        end = now + MS(cases[i].length_ms);
        slice_begin(&slice, now);
        cr_expect(slice_goes_on(&slice, end - 1), "%zu", i);
        cr_expect_not(slice_goes_on(&slice, end), "%zu", i);
    }
}

/* The end of long work, which stands idle then: the next begins afresh. */
Test(slice, begins_afresh_when_it_is_all_zero)
{
    struct slice slice = { 0 };

    slice_begin(&slice, MS(50000));
    cr_expect_not(slice_goes_on(&slice, MS(50001)));
}
