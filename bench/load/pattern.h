/*
 * The bytes that are sent: a seeded pseudo-random block, repeated without end,
 * which every connection enters at a place of its own.  Sending is a pointer,
 * checking is one memcmp().
 *
 * The period is odd and no multiple of any buffer or record size, so that
 * bytes lost, doubled or swapped in blocks do not go unseen.
 */
#ifndef LOAD_PATTERN_H
#define LOAD_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The most that can be taken from one place. */
enum { PATTERN_RUN = 256 << 10 };

void pattern_make(uint64_t seed);

/* PATTERN_RUN bytes at `offset` of connection `id`'s stream. */
const uint8_t *pattern_at(uint32_t id, uint64_t offset);

bool pattern_matches(
    uint32_t id, uint64_t offset, const uint8_t *data, size_t size);

#endif
