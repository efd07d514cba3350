#include "base/slice.h"

void
slice_begin(struct slice *slice, uint64_t now_ns)
{
    uint64_t length_ns = SLICE_NS;

    if (slice->ended_ns != 0 && now_ns > slice->ended_ns)
        length_ns = (now_ns - slice->ended_ns) / 2;
    if (length_ns < SLICE_NS)
        length_ns = SLICE_NS;
    if (length_ns > SLICE_MOST_NS)
        length_ns = SLICE_MOST_NS;
    slice->until_ns = now_ns + length_ns;
}

bool
slice_goes_on(const struct slice *slice, uint64_t now_ns)
{
    return now_ns < slice->until_ns;
}

void
slice_end(struct slice *slice, uint64_t now_ns)
{
    slice->ended_ns = now_ns;
}
