#include "relay/balance.h"

/* Two more at the least, so that moving one makes both sides more alike; then
 * half, which leaves each of two workers a third at the least.  Of short
 * connections there is always one more here than there, and to even that out
 * costs more than it brings. */
bool
balance_should_move(uint64_t own, uint64_t least)
{
    return own >= 2 && own - 2 >= least && own - 2 - least >= least / 2;
}

/* A connection that is drawn costs two that are accepted, of which a burst may be
 * owed; what is not drawn is forgotten. */
bool
balance_draw(uint64_t *drawn, uint64_t accepted)
{
    uint64_t paid = *drawn > accepted ? *drawn : accepted;

    if (paid - accepted >= 2 * BALANCE_BURST)
        return false;
    *drawn = paid + 2;
    return true;
}
