#include "net/connector_targets.h"

#include <stdlib.h>
#include <string.h>

static void
free_addresses(struct connector_targets *targets)
{
    if (targets->addresses != &targets->only)
        free(targets->addresses);
}

/* Addresses and states are one block. */
bool
connector_targets_set(struct connector_targets *targets,
    const struct address *addresses, size_t count)
{
    struct address *copy = calloc(count, sizeof(*copy) + 1);

    if (copy == NULL)
        return false;
    memcpy(copy, addresses, count * sizeof(*copy));
    free_addresses(targets);
    targets->addresses = copy;
    targets->states = (uint8_t *)(copy + count);
    targets->count = count;
    return true;
}

void
connector_targets_set_one(
    struct connector_targets *targets, const struct address *address)
{
    free_addresses(targets);
    targets->only = *address;
    targets->only_state = TARGET_NEW;
    targets->addresses = &targets->only;
    targets->states = &targets->only_state;
    targets->count = 1;
}

void
connector_targets_clear(struct connector_targets *targets)
{
    free_addresses(targets);
    targets->addresses = NULL;
    targets->count = 0;
}

size_t
connector_targets_find(
    const struct connector_targets *targets, enum target_state state)
{
    size_t i = 0;

    while (i < targets->count && targets->states[i] != state)
        i++;
    return i;
}

bool
connector_targets_has(
    const struct connector_targets *targets, enum target_state state)
{
    return connector_targets_find(targets, state) < targets->count;
}

size_t
connector_targets_count(
    const struct connector_targets *targets, enum target_state state)
{
    size_t found = 0;

    for (size_t i = 0; i < targets->count; i++)
        found += targets->states[i] == state;
    return found;
}

void
connector_targets_move(struct connector_targets *targets,
    enum target_state from, enum target_state to)
{
    for (size_t i = 0; i < targets->count; i++)
        if (targets->states[i] == from)
            targets->states[i] = (uint8_t)to;
}
