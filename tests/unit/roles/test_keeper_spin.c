#include "roles/keeper_spin.h"

#include <criterion/criterion.h>

static struct keeper_spin spin;
static uint64_t now_ns = 1000000;

/* Requests are answered, and the next come `after_ns` later.  True: it was looking
 * for them then. */
static bool
answer(uint64_t after_ns)
{
    keeper_spin_note(&spin, now_ns);
    now_ns += after_ns;
    return keeper_spin_goes_on(&spin, now_ns);
}

static bool
looks_within(unsigned requests, uint64_t after_ns)
{
    for (unsigned i = 0; i < requests; i++)
        if (answer(after_ns))
            return true;
    return false;
}

Test(keeper_spin, sleeps_where_requests_are_rare)
{
    unsigned looks = 0;

    for (int i = 0; i < 1000; i++) {
        keeper_spin_note(&spin, now_ns);
        looks += spin.looking;
        now_ns += 10 * KEEPER_SPIN_NS;
        cr_expect_not(keeper_spin_goes_on(&spin, now_ns));
    }
    cr_expect_leq(looks, 1000 / KEEPER_SPIN_RETRY + 1);
    cr_expect_gt(looks, 0, "it tries again");
}

Test(keeper_spin, looks_while_requests_come_soon)
{
    cr_assert(looks_within(KEEPER_SPIN_RETRY + 1, KEEPER_SPIN_NS / 2));
    for (int i = 0; i < 100; i++)
        cr_expect(answer(KEEPER_SPIN_NS / 2));
    /* Some that are late do not matter. */
    for (int i = 0; i < KEEPER_SPIN_CREDIT_MAX - 1; i++)
        cr_expect_not(answer(2 * KEEPER_SPIN_NS));
    cr_expect(answer(KEEPER_SPIN_NS / 2));
}

Test(keeper_spin, gives_up_when_they_stop)
{
    cr_assert(looks_within(KEEPER_SPIN_RETRY + 1, KEEPER_SPIN_NS / 2));
    for (int i = 0; i < 2 * KEEPER_SPIN_CREDIT_MAX; i++)
        (void)answer(2 * KEEPER_SPIN_NS);
    cr_expect_not(answer(KEEPER_SPIN_NS / 2));
}
