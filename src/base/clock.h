/* Time that only goes forward. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <sys/time.h>

#include <stdint.h>

/* Milliseconds of CLOCK_MONOTONIC (clock_gettime(2)). */
uint64_t clock_now_ms(void);

/* A span of time as libevent takes it. */
static inline struct timeval
clock_span(uint64_t ms)
{
    return (struct timeval){
        .tv_sec = (time_t)(ms / 1000),
        .tv_usec = (suseconds_t)(ms % 1000 * 1000),
    };
}

#endif
