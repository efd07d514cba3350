#include "net/endpoint_order.h"

enum { PUT_OFF_MOST = 64 };

void
endpoint_order_init(struct endpoint_order *order, size_t count)
{
    *order = (struct endpoint_order){ .count = count, .now = SIZE_MAX };
}

static bool
is_put_off(const struct endpoint_order *order, size_t index)
{
    return index < PUT_OFF_MOST && (order->put_off >> index & 1) != 0;
}

/* The endpoint after the current one; those that were put off come when all
 * others are through.  The count: there is none. */
static size_t
following_endpoint(const struct endpoint_order *order, bool *second_round)
{
    size_t next = order->now + 1; /* SIZE_MAX + 1 at first */

    *second_round = order->second_round;
    if (!*second_round) {
        if (next < order->count)
            return next;
        *second_round = true;
        next = 0;
    }
    while (next < order->count && !is_put_off(order, next))
        next++;
    return next;
}

bool
endpoint_order_has_next(const struct endpoint_order *order)
{
    bool second_round;

    return following_endpoint(order, &second_round) < order->count;
}

void
endpoint_order_advance(struct endpoint_order *order)
{
    order->now = following_endpoint(order, &order->second_round);
}

bool
endpoint_order_put_off(struct endpoint_order *order)
{
    if (order->second_round || order->now >= PUT_OFF_MOST)
        return false;
    order->put_off |= UINT64_C(1) << order->now;
    return true;
}
