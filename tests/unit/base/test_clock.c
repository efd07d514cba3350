#include "base/clock.h"

#include <unistd.h>

#include <criterion/criterion.h>

/* To sleep costs next to nothing. */
Test(clock, counts_what_this_process_did)
{
    uint64_t before = clock_cpu_ns();

    usleep(200000);
    cr_expect_lt(clock_cpu_ns() - before, 100000000);
    while (clock_cpu_ns() - before < 1000000)
        continue;
}

Test(clock, goes_forward_by_milliseconds)
{
    uint64_t before = clock_now_ms(), passed;

    usleep(20000);
    passed = clock_now_ms() - before;
    cr_expect_geq(passed, 19);
    cr_expect_lt(passed, 10000);
}
