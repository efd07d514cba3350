#include "net/silent_addresses.h"

/* NULL: it is not remembered, as most are not. */
static struct silent_address *
find_silent(struct silent_addresses *silent, const struct address *address)
{
    for (size_t i = 0; i < silent->count; i++)
        if (address_same(&silent->items[i].address, address))
            return &silent->items[i];
    return NULL;
}

/* A new item, or the one that would be forgotten first. */
static struct silent_address *
take_silent_place(struct silent_addresses *silent)
{
    struct silent_address *first = &silent->items[0];

    if (silent->count < SILENT_ADDRESSES_MOST)
        return &silent->items[silent->count++];
    for (size_t i = 1; i < silent->count; i++)
        if (silent->items[i].until_ms < first->until_ms)
            first = &silent->items[i];
    return first;
}

void
silent_addresses_add(struct silent_addresses *silent,
    const struct address *address, uint64_t now_ms)
{
    struct silent_address *item;

    if (address->storage.ss_family == AF_UNIX)
        return;
    item = find_silent(silent, address);
    if (item == NULL)
        item = take_silent_place(silent);
    *item = (struct silent_address){ *address, now_ms + SILENT_MS };
}

void
silent_addresses_remove(
    struct silent_addresses *silent, const struct address *address)
{
    struct silent_address *item = find_silent(silent, address);

    if (item != NULL)
        *item = silent->items[--silent->count];
}

bool
silent_addresses_avoid(struct silent_addresses *silent,
    const struct address *address, uint64_t now_ms)
{
    struct silent_address *item = find_silent(silent, address);

    if (item == NULL)
        return false;
    if (now_ms < item->until_ms)
        return true;
    item->until_ms = now_ms + SILENT_PROBE_MS;
    return false;
}
