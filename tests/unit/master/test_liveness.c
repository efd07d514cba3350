#include "master/liveness.h"

#include <criterion/criterion.h>

static struct liveness child;

/* What was said in the last of so many seconds; in those before nothing was. */
static const char *
after(unsigned seconds)
{
    for (unsigned i = 1; i < seconds; i++)
        cr_assert_null(liveness_tick(&child), "after %u s", i);
    return liveness_tick(&child);
}

static void
set_up(void)
{
    child = (struct liveness){ .ready = true };
}

TestSuite(liveness, .init = set_up);

/* Promise 46 */
Test(liveness, ends_with_the_heartbeats)
{
    for (unsigned i = 0; i < 3; i++) {
        cr_expect_null(after(LIVENESS_SILENT_S));
        liveness_note(&child);
    }
    cr_expect_str_eq(after(LIVENESS_SILENT_S + 1),
        "has sent no heartbeat for too long");
}

Test(liveness, gives_a_new_child_longer)
{
    child.ready = false;
    cr_expect_str_eq(
        after(LIVENESS_START_S + 1), "has not started in time");
}

/* Promise 46 */
Test(liveness, has_a_deadline_for_each_order)
{
    static const struct {
        enum liveness_order order;
        const char *said;
    } cases[] = {
        { LIVENESS_PREPARE, "has not loaded the configuration in time" },
        { LIVENESS_SWITCH, "has not taken up the configuration in time" },
        { LIVENESS_END, "has not ended in time" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        set_up();
        liveness_order(&child, cases[i].order, 2000);
        cr_expect_null(liveness_tick(&child));
        liveness_note(&child); /* to be alive is not to obey */
        cr_expect_str_eq(after(2), cases[i].said);
    }
}

Test(liveness, leaves_those_that_obey)
{
    liveness_order(&child, LIVENESS_SWITCH, 2000);
    cr_expect_null(liveness_tick(&child));
    liveness_obeyed(&child, LIVENESS_SWITCH);
    liveness_note(&child);
    cr_expect_null(after(LIVENESS_SILENT_S));
}

/* Whatever it has been told, obeyed or not. */
Test(liveness, waits_for_heartbeats_while_a_child_obeys)
{
    for (unsigned order = 0; order < LIVENESS_ORDERS; order++)
        for (unsigned obeys = 0; obeys < 2; obeys++) {
            set_up();
            liveness_order(&child, order, LIVENESS_PREPARE_S * 1000);
            cr_expect_null(after(LIVENESS_SILENT_S));
            if (obeys)
                liveness_obeyed(&child, order);
            cr_expect_str_eq(liveness_tick(&child),
                "has sent no heartbeat for too long");
        }
}

/* As a second SIGTERM does, or a third. */
Test(liveness, keeps_the_earlier_end)
{
    liveness_order(&child, LIVENESS_END, UINT64_MAX);
    liveness_order(&child, LIVENESS_END, 1500);
    liveness_order(&child, LIVENESS_END, 60000);
    cr_expect_str_eq(after(3), "has not ended in time");
}
