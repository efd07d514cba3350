#include "roles/keeper_spin.h"

void
keeper_spin_note(struct keeper_spin *spin, uint64_t now_ns)
{
    if (spin->looking && spin->credit < KEEPER_SPIN_CREDIT_MAX)
        spin->credit++;
    if (spin->credit == 0 && ++spin->slept >= KEEPER_SPIN_RETRY) {
        spin->credit = 1;
        spin->slept = 0;
    }
    spin->looking = spin->credit > 0;
    spin->busy_ns = now_ns;
}

bool
keeper_spin_goes_on(struct keeper_spin *spin, uint64_t now_ns)
{
    if (!spin->looking)
        return false;
    if (now_ns - spin->busy_ns < KEEPER_SPIN_NS)
        return true;
    spin->looking = false;
    spin->credit--;
    return false;
}
