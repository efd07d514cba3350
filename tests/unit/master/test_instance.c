#include "master/instance.h"

#include <event2/event.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "master/child.h"

Test(instance, pauses_grow_up_to_a_bound)
{
    static const struct { unsigned deaths; uint64_t pause_ms; } cases[] = {
        { 0, 0 }, { 1, 0 }, { 2, 200 }, { 3, 400 }, { 4, 800 }, { 5, 1600 },
        { 8, 12800 }, { 9, 25600 }, { 10, 30000 }, { 11, 30000 },
        { 64, 30000 }, { 65, 30000 }, { 1000000, 30000 },
        { 0xffffffffU, 30000 },
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        cr_expect_eq(instance_pause_ms(cases[i].deaths), cases[i].pause_ms,
            "%u", cases[i].deaths);
}

/* One that is not wanted any more is not filled again. */
Test(instance, counts_children_that_die_young)
{
    struct instance instance = { .role = ROLE_WORKER };

    for (unsigned i = 1; i <= 3; i++) {
        instance_restart(&instance, 100);
        cr_expect_eq(instance.early_deaths, i);
        cr_expect_null(instance.child);
        cr_expect_null(instance.retry);
    }
    instance_restart(&instance, 6000);
    cr_expect_eq(instance.early_deaths, 0, "it has lived for a while");
}

Test(instance, is_given_up)
{
    struct instance instance = { .wanted = true, .early_deaths = 3 };
    struct child child = { .instance = &instance };

    cr_expect_null(instance_release(&instance));
    instance.wanted = true;
    instance.child = &child;
    cr_expect_eq(instance_release(&instance), &child);
    cr_expect_null(child.instance);
    cr_expect_null(instance.child);
    cr_expect_not(instance.wanted);
    cr_expect_eq(instance.early_deaths, 0);
}

static const char *said;

static struct child *
start_none(struct instance *instance)
{
    (void)instance;
    return NULL;
}

static void
on_started(struct instance *instance)
{
    (void)instance;
    said = "started";
}

static void
on_vacant(struct instance *instance)
{
    (void)instance;
    said = "vacant";
}

/* What serves in its place is told before the pause, not after. */
Test(instance, is_vacant_while_no_process_starts)
{
    static const struct instance_ops ops = {
        .start = start_none, .started = on_started, .vacant = on_vacant,
    };
    struct event_base *base = event_base_new();
    struct instance instance = {
        .ops = &ops, .base = base, .role = ROLE_WORKER,
    };

    instance_start(&instance);
    cr_expect_str_eq(said, "vacant");
    cr_expect_not_null(instance.retry);
    cr_expect(event_pending(instance.retry, EV_TIMEOUT, NULL));
    cr_expect_null(instance_release(&instance));
    cr_expect_null(instance.retry);
    event_base_free(base);
}
