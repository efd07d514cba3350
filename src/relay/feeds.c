#include "relay/feeds.h"

static void
forget_old(struct feeds *feeds, uint64_t now_ms)
{
    uint64_t age_ms = now_ms - feeds->since_ms;

    if (age_ms < FEEDS_PERIOD_MS)
        return;
    feeds->before = age_ms < 2 * FEEDS_PERIOD_MS ? feeds->now
                                                 : (struct feeds_set){ { 0 } };
    feeds->now = (struct feeds_set){ { 0 } };
    feeds->since_ms = now_ms;
}

void
feeds_add(struct feeds *feeds, unsigned index, uint64_t now_ms)
{
    forget_old(feeds, now_ms);
    feeds->now.words[index / 64] |= UINT64_C(1) << index % 64;
}

bool
feeds_spread(struct feeds *feeds, struct feeds_set *set, uint64_t now_ms)
{
    uint64_t added = 0;

    forget_old(feeds, now_ms);
    for (unsigned i = 0; i < FEEDS_WORDS; i++) {
        uint64_t word = feeds->now.words[i] | feeds->before.words[i];

        added |= word & ~set->words[i];
        set->words[i] |= word;
    }
    return added != 0;
}

bool
feeds_set_has(const struct feeds_set *set, unsigned index)
{
    return set->words[index / 64] >> index % 64 & 1;
}
