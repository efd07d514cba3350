/*
 * Long work beside an event loop, done in slices: a slice between two turns of
 * the loop.
 *
 * A slice lasts a millisecond, or half of what the loop had since the slice
 * before: in a process that is busy the work still gets a third of the time, and
 * meets its deadline.  Time is the process's own, on a CPU: where others take
 * turns with it, longer slices would only add to the wait.
 */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

enum {
    SLICE_NS = 1000000,
    SLICE_MOST_NS = 20000000,
};

/* All zero before the first slice. */
struct slice {
    uint64_t until_ns;
    uint64_t ended_ns; /* the slice before; 0: there was none */
};

/* Times are clock_cpu_ns(). */
void slice_begin(struct slice *slice, uint64_t now_ns);
NODISCARD bool slice_goes_on(const struct slice *slice, uint64_t now_ns);
void slice_end(struct slice *slice, uint64_t now_ns);

#endif
