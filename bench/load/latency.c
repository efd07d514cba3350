#include "latency.h"

#include <stdlib.h>

#include "loop.h"

static struct {
    uint64_t *items; /* nanoseconds */
    size_t count, size;
} kept;

void
latency_reset(void)
{
    kept.count = 0;
}

void
latency_add(int64_t duration_ns)
{
    if (kept.count == kept.size) {
        kept.size = kept.size * 2 + 4096;
        kept.items = realloc(kept.items, kept.size * sizeof(*kept.items));
        if (kept.items == NULL)
            fail("out of memory");
    }
    kept.items[kept.count++] = (uint64_t)duration_ns;
}

static int
compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* The smallest time that `per_mille` of all do not exceed. */
static double
percentile_us(unsigned per_mille)
{
    size_t rank = (kept.count * per_mille + 999) / 1000;

    return (double)kept.items[rank > 0 ? rank - 1 : 0] / 1e3;
}

void
latency_print(FILE *out)
{
    if (kept.count == 0)
        return;
    qsort(kept.items, kept.count, sizeof(*kept.items), compare);
    fprintf(out,
        "\"latency_us\":{\"count\":%zu,\"p50\":%.1f,\"p99\":%.1f,"
        "\"p99.9\":%.1f,\"max\":%.1f},",
        kept.count, percentile_us(500), percentile_us(990),
        percentile_us(999), percentile_us(1000));
    free(kept.items);
    kept.items = NULL;
    kept.count = kept.size = 0;
}
