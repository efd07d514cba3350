/*
 * Addresses that lately did not answer: they are tried last for a while, so that
 * one client waits for such an address, and not each of them anew.
 *
 * Only silence is remembered, for it is what costs time: an address that refuses
 * is tried again by every client, and so is in use as soon as it is back.
 */
#ifndef NET_SILENT_ADDRESSES_H
#define NET_SILENT_ADDRESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"

enum {
    SILENT_ADDRESSES_MOST = 64, /* then the one that ends first is forgotten */
    SILENT_MS = 60000,
    SILENT_PROBE_MS = 15000, /* the time that one try gets after that */
};

struct silent_address {
    struct address address;
    uint64_t until_ms;
};

/* All zero: none.  Owns nothing. */
struct silent_addresses {
    struct silent_address items[SILENT_ADDRESSES_MOST];
    size_t count;
};

/* Remembers an IPv4 or IPv6 address with its port; others are left out. */
void silent_addresses_add(struct silent_addresses *silent,
    const struct address *address, uint64_t now_ms);

void silent_addresses_remove(
    struct silent_addresses *silent, const struct address *address);

/* True if the address is to be tried last.  When SILENT_MS are over it is false
 * once, for a caller that will try the address, and true again for the others
 * until that try is over. */
bool silent_addresses_avoid(struct silent_addresses *silent,
    const struct address *address, uint64_t now_ms);

#endif
