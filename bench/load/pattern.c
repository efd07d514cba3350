#include "pattern.h"

#include <string.h>

enum {
    PERIOD = (1 << 20) - 3,
    STRIDE = 76003, /* between the places of two connections */
};

static uint8_t block[PERIOD + PATTERN_RUN];

/* xorshift64*: cheap, and no short cycles in any byte. */
static uint64_t
next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

void
pattern_make(uint64_t seed)
{
    uint64_t state = seed * 2 + 1; /* never 0 */

    for (size_t i = 0; i < PERIOD; i++)
        block[i] = (uint8_t)(next_random(&state) >> 56);
    memcpy(block + PERIOD, block, PATTERN_RUN);
}

const uint8_t *
pattern_at(uint32_t id, uint64_t offset)
{
    return block + (offset + (uint64_t)id * STRIDE) % PERIOD;
}

bool
pattern_matches(
    uint32_t id, uint64_t offset, const uint8_t *data, size_t size)
{
    while (size > 0) {
        size_t run = size < PATTERN_RUN ? size : PATTERN_RUN;

        if (memcmp(pattern_at(id, offset), data, run) != 0)
            return false;
        data += run;
        offset += run;
        size -= run;
    }
    return true;
}
