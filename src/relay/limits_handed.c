#include "relay/limits_handed.h"

#include <stdlib.h>

#include "base/scoreboard.h"
#include "relay/balance.h"
#include "relay/limits.h"
#include "relay/relay.h"

/* A worker takes what it was handed in the next turn of its loop. */
enum { PENDING_MAX = 256 };

/* What was sent and not yet counted in there. */
struct limits_handed {
    uint64_t sum;
    uint32_t pending[SCOREBOARD_SLOTS];
    uint64_t drawn[SCOREBOARD_SLOTS]; /* balance_draw()'s */
    uint32_t *services[SCOREBOARD_SLOTS]; /* of each service; NULL: none ever */
};

/* NULL: out of memory. */
static uint32_t *
row_of(struct relay *relay, unsigned slot)
{
    struct limits_handed *handed = relay->handed;

    if (handed == NULL)
        handed = relay->handed = calloc(1, sizeof(*handed));
    if (handed != NULL && handed->services[slot] == NULL)
        handed->services[slot] = calloc(SCOREBOARD_SERVICES, sizeof(uint32_t));
    return handed != NULL ? handed->services[slot] : NULL;
}

/* The scoreboard says it too: others compare their load with ours. */
static void
set_sum(struct relay *relay, uint64_t sum)
{
    relay->handed->sum = sum;
    scoreboard_set_away(relay->board, relay->slot, sum);
}

bool
limits_hand(struct relay *relay, unsigned slot, unsigned index)
{
    uint32_t *row = row_of(relay, slot);

    if (row == NULL || relay->handed->pending[slot] >= PENDING_MAX ||
        !balance_draw(&relay->handed->drawn[slot], relay->accepted))
        return false;
    set_sum(relay, relay->handed->sum + 1);
    relay->handed->pending[slot]++;
    row[index]++;
    return true;
}

/* Returns how many of `count` there were. */
static uint32_t
take_off(struct relay *relay, unsigned slot, unsigned index, uint32_t count)
{
    struct limits_handed *handed = relay->handed;

    if (handed == NULL || handed->services[slot] == NULL)
        return 0;
    if (count > handed->services[slot][index])
        count = handed->services[slot][index];
    handed->services[slot][index] -= count;
    handed->pending[slot] -= count;
    set_sum(relay, handed->sum - count);
    return count;
}

void
limits_keep(struct relay *relay, unsigned slot, unsigned index)
{
    (void)take_off(relay, slot, index, 1);
}

void
limits_handed(
    struct relay *relay, unsigned slot, unsigned index, uint32_t count)
{
    for (count = take_off(relay, slot, index, count); count > 0; count--)
        limits_leave(relay, index);
}

void
limits_forget(struct relay *relay, unsigned slot)
{
    struct limits_handed *handed = relay->handed;

    if (handed == NULL || handed->pending[slot] == 0)
        return;
    for (unsigned i = 0; i < SCOREBOARD_SERVICES; i++)
        limits_handed(relay, slot, i, handed->services[slot][i]);
}

void
limits_forget_all(struct relay *relay)
{
    for (unsigned i = 0; i < SCOREBOARD_SLOTS; i++)
        limits_forget(relay, i);
}

const uint32_t *
limits_pending(const struct relay *relay)
{
    return relay->handed != NULL ? relay->handed->pending : NULL;
}

uint64_t
limits_pending_sum(const struct relay *relay)
{
    return relay->handed != NULL ? relay->handed->sum : 0;
}

void
limits_handed_clear(struct relay *relay)
{
    if (relay->handed == NULL)
        return;
    for (unsigned i = 0; i < SCOREBOARD_SLOTS; i++)
        free(relay->handed->services[i]);
    free(relay->handed);
    relay->handed = NULL;
}
