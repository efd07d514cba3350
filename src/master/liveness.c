#include "master/liveness.h"

#include <limits.h>
#include <stddef.h>

/* The turn of the clock that an order comes in does not count. */
enum { PARTIAL_S = 1 };

static const char *const overdue[] = {
    [LIVENESS_PREPARE] = "has not loaded the configuration in time",
    [LIVENESS_SWITCH] = "has not taken up the configuration in time",
    [LIVENESS_END] = "has not ended in time",
};
_Static_assert(COUNT(overdue) == LIVENESS_ORDERS, "words for every order");

void
liveness_note(struct liveness *liveness)
{
    liveness->silent_s = 0;
}

void
liveness_order(
    struct liveness *liveness, enum liveness_order order, uint64_t time_ms)
{
    uint64_t time_s = time_ms / 1000 + (time_ms % 1000 != 0) + PARTIAL_S;
    unsigned left_s = time_s < UINT_MAX ? (unsigned)time_s : UINT_MAX;

    if (liveness->left_s[order] == 0 || left_s < liveness->left_s[order])
        liveness->left_s[order] = left_s;
}

void
liveness_obeyed(struct liveness *liveness, enum liveness_order order)
{
    liveness->left_s[order] = 0;
}

static bool
is_silent_too_long(const struct liveness *liveness)
{
    return liveness->silent_s >
        (unsigned)(liveness->ready ? LIVENESS_SILENT_S : LIVENESS_START_S);
}

const char *
liveness_tick(struct liveness *liveness)
{
    liveness->silent_s++;
    for (unsigned i = 0; i < LIVENESS_ORDERS; i++)
        if (liveness->left_s[i] > 0 && --liveness->left_s[i] == 0)
            return overdue[i];
    if (!is_silent_too_long(liveness))
        return NULL;
    return liveness->ready ? "has sent no heartbeat for too long"
                           : "has not started in time";
}
