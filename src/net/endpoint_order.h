/*
 * In which order a service's endpoints are tried: as they are written, those that
 * were put off once more behind all others.
 */
#ifndef NET_ENDPOINT_ORDER_H
#define NET_ENDPOINT_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"

struct endpoint_order {
    size_t count;
    size_t now;        /* the current one; SIZE_MAX: before the first */
    uint64_t put_off;  /* one bit for each endpoint */
    bool second_round; /* ... which are tried now */
};

/* Before the first of `count`. */
void endpoint_order_init(struct endpoint_order *order, size_t count);

/* Whether an endpoint is left behind the current one. */
bool endpoint_order_has_next(const struct endpoint_order *order);

/* Goes to it. */
void endpoint_order_advance(struct endpoint_order *order);

/* The current one is to come once more.  False: it has been put off already, or
 * is one of so many that this is not kept in mind. */
NODISCARD bool endpoint_order_put_off(struct endpoint_order *order);

#endif
