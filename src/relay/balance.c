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
