#include "net/timer.h"

#include <event2/event.h>
#include <event2/event_struct.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/base.h"

enum { MANY = 2000 };

static struct event_base *base;

static void
set_up(void)
{
    base = event_base_new();
    cr_assert_not_null(base);
}

/* What timers have left behind would be found by the leak checker. */
static void
tear_down(void)
{
    cr_expect_eq(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED), 0);
    event_base_free(base);
}

TestSuite(timer, .init = set_up, .fini = tear_down, .timeout = 60);

/* What ran, in order, one letter each. */
static char ran[16];

struct letter {
    struct timer timer;
    char name;
    struct letter *stops, *closes, *sets; /* when it runs */
};

static void
run_letter(void *arg)
{
    const struct letter *letter = arg;

    cr_assert_lt(strlen(ran), sizeof(ran) - 1);
    ran[strlen(ran)] = letter->name;
    if (letter->stops != NULL)
        timer_stop(&letter->stops->timer);
    if (letter->closes != NULL)
        timer_close(&letter->closes->timer);
    if (letter->sets != NULL)
        timer_set(&letter->sets->timer, 0);
}

static struct letter letters[4];

static void
open_letters(void)
{
    memset(ran, 0, sizeof(ran));
    for (size_t i = 0; i < COUNT(letters); i++) {
        letters[i] = (struct letter){ .name = (char)('a' + i) };
        cr_assert(timer_open(
            &letters[i].timer, base, run_letter, &letters[i]));
    }
}

static void
close_letters(void)
{
    for (size_t i = 0; i < COUNT(letters); i++)
        timer_close(&letters[i].timer);
}

/* Returns when no timer is set any more: then libevent has no event. */
static void
run_all(void)
{
    cr_assert_eq(event_base_loop(base, 0), 1);
}

Test(timer, run_in_the_order_of_their_times)
{
    static const struct {
        uint64_t delays[COUNT(letters)];
        char want[8];
    } cases[] = {
        { { 0, 0, 0, 0 }, "abcd" }, { { 9, 6, 3, 0 }, "dcba" },
        { { 3, 0, 3, 0 }, "bdac" }, { { 0, 9, 3, 6 }, "acdb" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        open_letters();
        for (size_t k = 0; k < COUNT(letters); k++)
            timer_set(&letters[k].timer, cases[i].delays[k]);
        run_all();
        cr_expect_str_eq(ran, cases[i].want, "case %zu", i);
        close_letters();
    }
}

Test(timer, runs_once_and_for_the_last_time_that_it_was_set)
{
    open_letters();
    cr_expect_not(timer_is_set(&letters[0].timer));
    timer_set(&letters[0].timer, 3600000);
    cr_expect(timer_is_set(&letters[0].timer));
    timer_set(&letters[0].timer, 3);
    timer_set(&letters[1].timer, 0);
    timer_set(&letters[1].timer, 6);
    run_all();
    cr_expect_str_eq(ran, "ab");
    cr_expect_not(timer_is_set(&letters[0].timer));
    close_letters();
}

Test(timer, can_be_stopped_and_closed)
{
    open_letters();
    for (size_t i = 0; i < COUNT(letters); i++)
        timer_set(&letters[i].timer, i);
    timer_stop(&letters[0].timer);
    timer_stop(&letters[0].timer);
    timer_close(&letters[2].timer);
    timer_close(&letters[2].timer);
    timer_stop(&letters[2].timer);
    run_all();
    cr_expect_str_eq(ran, "bd");
    close_letters();
}

/* Also those that are due at the same time. */
Test(timer, can_stop_and_close_others_as_it_runs)
{
    open_letters();
    letters[0].stops = &letters[1];
    letters[0].closes = &letters[2];
    for (size_t i = 0; i < COUNT(letters); i++)
        timer_set(&letters[i].timer, 0);
    run_all();
    cr_expect_str_eq(ran, "ad");
    close_letters();
}

Test(timer, can_close_itself_and_be_the_last_one)
{
    struct letter one = { .name = 'x' };

    memset(ran, 0, sizeof(ran));
    one.closes = &one;
    cr_assert(timer_open(&one.timer, base, run_letter, &one));
    timer_set(&one.timer, 0);
    run_all();
    cr_expect_str_eq(ran, "x");
}

static int pipes[2];
static struct timer eager;
static unsigned turns;

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    timer_close(&eager);
}

static void
run_eager(void *arg)
{
    (void)arg;
    if (turns++ == 0)
        cr_assert_eq(write(pipes[1], "", 1), 1);
    timer_set(&eager, 0);
}

/* One that sets itself anew without delay would starve all else. */
Test(timer, lets_other_events_in_before_it_runs_again)
{
    struct event *readable;

    cr_assert_eq(pipe(pipes), 0);
    readable = event_new(base, pipes[0], EV_READ, on_readable, NULL);
    cr_assert_eq(event_add(readable, NULL), 0);
    cr_assert(timer_open(&eager, base, run_eager, NULL));
    timer_set(&eager, 0);
    run_all();
    cr_expect_geq(turns, 1);
    cr_expect_leq(turns, 2, "%u turns", turns);
    event_free(readable);
    close(pipes[0]);
    close(pipes[1]);
}

struct crowd {
    struct timer timers[MANY];
    uint64_t latest_ms;
    size_t count;
};

static struct crowd crowd;

struct member {
    size_t index;
};

static struct member members[MANY];

static void
run_member(void *arg)
{
    const struct member *member = arg;
    const struct timer *timer = &crowd.timers[member->index];

    cr_expect_geq(timer->at_ms, crowd.latest_ms);
    crowd.latest_ms = timer->at_ms;
    crowd.count++;
}

static void
open_crowd(void)
{
    crowd.count = 0;
    for (size_t i = 0; i < MANY; i++) {
        members[i].index = i;
        cr_assert(timer_open(
            &crowd.timers[i], base, run_member, &members[i]));
    }
}

static void
close_crowd(void)
{
    for (size_t i = 0; i < MANY; i++)
        timer_close(&crowd.timers[i]);
}

/* Sets, sets anew and stops at random; returns how many are set in the end. */
static size_t
stir_crowd(unsigned seed)
{
    size_t set = 0;

    srand(seed);
    for (size_t i = 0; i < 4 * (size_t)MANY; i++) {
        struct timer *timer = &crowd.timers[(size_t)rand() % MANY];

        if (rand() % 3 > 0)
            timer_set(timer, (uint64_t)(rand() % 20));
        else
            timer_stop(timer);
    }
    for (size_t i = 0; i < MANY; i++)
        set += timer_is_set(&crowd.timers[i]);
    return set;
}

Test(timer, keeps_many_in_order)
{
    for (unsigned seed = 1; seed <= 10; seed++) {
        size_t set;

        open_crowd();
        crowd.latest_ms = 0;
        set = stir_crowd(seed);
        cr_expect_gt(set, 0);
        run_all();
        cr_expect_eq(crowd.count, set, "seed %u", seed);
        close_crowd();
    }
}

static bool starved;

static void *
starve_malloc(size_t size)
{
    return starved ? NULL : malloc(size);
}

static void *
starve_realloc(void *block, size_t size)
{
    return starved ? NULL : realloc(block, size);
}

/* With libevent's own timers, of which it can add only those that its array has
 * room for. */
Test(timer, needs_no_memory_once_it_is_open)
{
    static const struct timeval hour = { .tv_sec = 3600 };
    static struct event raw[100];
    size_t failed = 0;

    event_base_free(base);
    event_set_mem_functions(starve_malloc, starve_realloc, free);
    base = event_base_new();
    open_crowd();
    crowd.latest_ms = 0;
    starved = true;
    for (size_t i = 0; i < COUNT(raw); i++) {
        evtimer_assign(&raw[i], base, on_readable, NULL);
        failed += event_add(&raw[i], &hour) != 0;
    }
    cr_expect_gt(failed, 0, "as a timer of libevent does");
    for (size_t i = 0; i < COUNT(raw); i++)
        event_del(&raw[i]);
    for (size_t i = 0; i < MANY; i++)
        timer_set(&crowd.timers[i], i % 7);
    run_all();
    cr_expect_eq(crowd.count, MANY);
    starved = false;
    close_crowd();
}

Test(timer, cannot_be_opened_without_memory)
{
    struct timer timer;

    event_base_free(base);
    event_set_mem_functions(starve_malloc, starve_realloc, free);
    base = event_base_new();
    starved = true;
    cr_expect_not(timer_open(&timer, base, run_letter, NULL));
    timer_stop(&timer);
    timer_close(&timer);
    starved = false;
}
