#include "base/clock.h"

#include <time.h>

static uint64_t
read_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t
clock_now_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

uint64_t
clock_cpu_ns(void)
{
    return read_ns(CLOCK_PROCESS_CPUTIME_ID);
}

uint64_t
clock_now_ms(void)
{
    return clock_now_ns() / 1000000;
}

bool
clock_is_due(uint64_t *last_ms, uint64_t every_ms)
{
    uint64_t now_ms = clock_now_ms();
    uint64_t last = __atomic_load_n(last_ms, __ATOMIC_RELAXED);

    if (last != 0 && now_ms - last < every_ms)
        return false;
    return __atomic_compare_exchange_n(last_ms, &last, now_ms, false,
        __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}
