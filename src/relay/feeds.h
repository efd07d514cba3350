/*
 * Which services a service has led to lately, by their indices on the scoreboard.
 *
 * What is not said again is forgotten after one to two minutes: a name may have
 * other addresses by then, while a ring of services goes round in milliseconds.
 */
#ifndef RELAY_FEEDS_H
#define RELAY_FEEDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "base/scoreboard.h"

enum { FEEDS_WORDS = SCOREBOARD_SERVICES / 64, FEEDS_PERIOD_MS = 60000 };

/* One bit for each index. */
struct feeds_set {
    uint64_t words[FEEDS_WORDS];
};

/* All zero: none. */
struct feeds {
    struct feeds_set now, before; /* of this period, and of the last one */
    uint64_t since_ms;
};

/* `index` is below SCOREBOARD_SERVICES; times are clock_now_ms(). */
void feeds_add(struct feeds *feeds, unsigned index, uint64_t now_ms);

/* Adds those that are remembered to the set.  True: some were not in it. */
NODISCARD bool feeds_spread(
    struct feeds *feeds, struct feeds_set *set, uint64_t now_ms);

bool feeds_set_has(const struct feeds_set *set, unsigned index);

#endif
