#include "base/metrics.h"

#include <assert.h>

static const struct metric metrics[] = {
#define METRIC(word, count, ...) \
    { .first = METRIC_##word, .cells = (count), __VA_ARGS__ },
#include "base/metrics.inc"
#undef METRIC
};

size_t
metrics_count(void)
{
    return COUNT(metrics);
}

const struct metric *
metrics_at(size_t index)
{
    assert(index < COUNT(metrics));
    return &metrics[index];
}
