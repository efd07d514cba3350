#include "net/connector_memory.h"

#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"

enum { PORTLESS_MS = 50 };

void
connector_memory_add_silent(struct connector_memory *memory,
    const struct address *address, const char *service)
{
    uint64_t now_ms = clock_now_ms();
    char text[ADDRESS_TEXT_SIZE];

    if (address->storage.ss_family == AF_UNIX)
        return;
    if (!silent_addresses_avoid(&memory->silent, address, now_ms))
        log_warn(service,
            "server %s does not answer; others are tried first for %d s",
            address_format((const struct sockaddr *)&address->storage,
                address->length, text),
            SILENT_MS / 1000);
    silent_addresses_add(&memory->silent, address, now_ms);
}

void
connector_memory_add_portless(
    struct connector_memory *memory, const struct address *address)
{
    memory->portless = *address;
    memory->portless_until_ms = clock_now_ms() + PORTLESS_MS;
}

bool
connector_memory_is_portless(
    const struct connector_memory *memory, const struct address *address)
{
    return memory->portless_until_ms > 0 &&
        address_same(&memory->portless, address) &&
        clock_now_ms() < memory->portless_until_ms;
}
