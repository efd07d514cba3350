/*
 * The addresses of one endpoint, in the order in which they are tried, and how
 * far each of them has come.
 */
#ifndef NET_CONNECTOR_TARGETS_H
#define NET_CONNECTOR_TARGETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/base.h"

enum target_state {
    TARGET_NEW,
    TARGET_TRYING,
    TARGET_LATER, /* something was short here: to be tried again */
    TARGET_USED,  /* failed, or was connected to */
};

/* Zero-initialise; stays where it is. */
struct connector_targets {
    struct address *addresses; /* `count` of them */
    uint8_t *states;           /* of these; enum target_state */
    size_t count;
    struct address only; /* `addresses`, where there can be but one */
    uint8_t only_state;
};

/* A copy of these replaces what was there; all are TARGET_NEW.  False: out of
 * memory, and all is as it was. */
NODISCARD bool connector_targets_set(struct connector_targets *targets,
    const struct address *addresses, size_t count);

/* The same for one address, which takes no memory. */
void connector_targets_set_one(
    struct connector_targets *targets, const struct address *address);

void connector_targets_clear(struct connector_targets *targets);

/* The first in that state; `count` if there is none. */
size_t connector_targets_find(
    const struct connector_targets *targets, enum target_state state);
bool connector_targets_has(
    const struct connector_targets *targets, enum target_state state);
size_t connector_targets_count(
    const struct connector_targets *targets, enum target_state state);

/* All that are in the one state are in the other one from now on. */
void connector_targets_move(struct connector_targets *targets,
    enum target_state from, enum target_state to);

#endif
