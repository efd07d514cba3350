/*
 * What the connectors of a process remember of servers, so that each client need
 * not find it out anew.
 */
#ifndef NET_CONNECTOR_MEMORY_H
#define NET_CONNECTOR_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "net/silent_addresses.h"

/* All zero at first.  `portless`: the last address for which the kernel found no
 * local port, which takes it milliseconds, and when it may be asked again. */
struct connector_memory {
    struct silent_addresses silent;
    struct address portless;
    uint64_t portless_until_ms;
};

/* The address accepts nothing, or accepts and is silent then.  Logged as a
 * warning about `service`, the first time.  Unix sockets are left out. */
void connector_memory_add_silent(struct connector_memory *memory,
    const struct address *address, const char *service);

/* The kernel has no local port for the address; whether that was so a moment
 * ago. */
void connector_memory_add_portless(
    struct connector_memory *memory, const struct address *address);
bool connector_memory_is_portless(
    const struct connector_memory *memory, const struct address *address);

#endif
