#include "base/clock.h"

#include <time.h>

uint64_t
clock_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
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
