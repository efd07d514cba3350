#include "master/conduct.h"

#include <criterion/criterion.h>

enum { NOW_MS = 1000000 };

static struct conduct child;

static void
set_up(void)
{
    child = (struct conduct){ 0 };
}

TestSuite(conduct, .init = set_up);

static const char *
says(enum role role, enum message_type type, uint64_t later_ms)
{
    return conduct_judge(&child, role, type, NOW_MS + later_ms);
}

Test(conduct, answers_each_order_once)
{
    static const enum message_type answers[] = {
        MESSAGE_READY, MESSAGE_PREPARED, MESSAGE_COMMITTED,
    };

    for (size_t i = 0; i < COUNT(answers); i++) {
        cr_expect_str_eq(says(ROLE_WORKER, answers[i], 0), "out of turn");
        conduct_expect(&child, answers[i]);
        conduct_expect(&child, answers[i]); /* one was taken back */
        cr_expect_null(says(ROLE_WORKER, answers[i], 0));
        cr_expect_null(says(ROLE_WORKER, answers[i], 0));
        cr_expect_str_eq(says(ROLE_WORKER, answers[i], 0), "out of turn");
    }
}

Test(conduct, finds_faults_while_it_prepares_only)
{
    cr_expect_str_eq(says(ROLE_KEEPER, MESSAGE_FAULT, 0), "out of turn");
    conduct_expect(&child, MESSAGE_PREPARED);
    cr_expect_null(says(ROLE_KEEPER, MESSAGE_FAULT, 0));
    cr_expect_null(says(ROLE_KEEPER, MESSAGE_PREPARED, 0));
    cr_expect_str_eq(says(ROLE_KEEPER, MESSAGE_FAULT, 0), "out of turn");
    cr_expect_null(says(ROLE_TRIAL, MESSAGE_FAULT, 0));
}

Test(conduct, has_no_message_without_end)
{
    static const struct {
        enum role role;
        enum message_type type;
        unsigned most;      /* at once */
        unsigned per_minute; /* what a child in order says, at most */
    } cases[] = {
        { ROLE_WORKER, MESSAGE_KEEPER_LOST, 200, 60 },
        { ROLE_WORKER, MESSAGE_SCOUT_LOST, 200, 60 },
        { ROLE_KEEPER, MESSAGE_HEARTBEAT, 1000, 60 },
        { ROLE_ADMIN, MESSAGE_REQUEST, 1000, 3000 },
        { ROLE_TRIAL, MESSAGE_BOUND, 40000, 0 },
        { ROLE_TRIAL, MESSAGE_WANTED, 40000, 0 },
        { ROLE_TRIAL, MESSAGE_FAULT, 3000, 0 },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *name = message_name(cases[i].type);
        unsigned said = 0, pause_ms;

        set_up();
        while (said <= cases[i].most &&
            says(cases[i].role, cases[i].type, 0) == NULL)
            said++;
        cr_expect_leq(said, cases[i].most, "%s", name);
        if (cases[i].per_minute == 0)
            continue;
        /* For an hour, and then after a minute in which the master slept. */
        set_up();
        pause_ms = 60000 / cases[i].per_minute;
        for (uint64_t ms = 0; ms < 3600000; ms += pause_ms)
            cr_assert_null(says(cases[i].role, cases[i].type, ms), "%s", name);
        for (unsigned j = 0; j < cases[i].per_minute && j < 300; j++)
            cr_assert_null(
                says(cases[i].role, cases[i].type, 3660000), "%s", name);
    }
}
