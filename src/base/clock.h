/* Time that only goes forward. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <sys/time.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

/* Milliseconds of CLOCK_MONOTONIC (clock_gettime(2)). */
uint64_t clock_now_ms(void);

/* Nanoseconds of the same, to measure what a few calls took. */
uint64_t clock_now_ns(void);

/* Nanoseconds that this process has had a CPU (CLOCK_PROCESS_CPUTIME_ID).  A
 * system call. */
uint64_t clock_cpu_ns(void);

/* Whether something is due that is done every `every_ms` at the most; then
 * `*last_ms` becomes now.  Of several processes that share `*last_ms` only one
 * is told to do it.  0: it was never done. */
NODISCARD bool clock_is_due(uint64_t *last_ms, uint64_t every_ms);

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
