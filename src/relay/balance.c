#include "relay/balance.h"

/* Two more at the least, so that moving one makes both sides more alike; then
 * an eighth, because among many a small difference does not matter. */
bool
balance_should_move(uint64_t own, uint64_t least)
{
    return own >= 2 && own - 2 >= least && own - 2 - least >= least / 8;
}
