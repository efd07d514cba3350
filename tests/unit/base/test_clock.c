#include "base/clock.h"

#include <unistd.h>

#include <criterion/criterion.h>

Test(clock, goes_forward_by_milliseconds)
{
    uint64_t before = clock_now_ms(), passed;

    usleep(20000);
    passed = clock_now_ms() - before;
    cr_expect_geq(passed, 19);
    cr_expect_lt(passed, 10000);
}
