/*
 * In which order a name's addresses are tried.
 */
#ifndef NET_ADDRESS_ORDER_H
#define NET_ADDRESS_ORDER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/address.h"

/* An IPv6 address, then an IPv4 one, and so on, beginning with the first
 * address's family (RFC 8305 4): a family that does not work costs one try, not
 * as many as it has addresses.  Within a family the order stays. */
void address_order_interleave(struct address *addresses, size_t count);

/* Moves those for which `is_last` is true behind the others; the order within
 * both stays.  Asks once for each.  Returns how many were moved. */
size_t address_order_defer(struct address *addresses, size_t count,
    bool (*is_last)(void *arg, const struct address *address), void *arg);

#endif
