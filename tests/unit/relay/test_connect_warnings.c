/* Warnings that servers cannot be reached: one, and then how many more. */
#include "relay/connect_warnings.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "base/log.h"
#include "base/scratch.h"
#include "net/loop.h"
#include "net/wire.h"

static struct loop *loop;
static struct connect_warnings warnings;

static void
set_up(void)
{
    loop = loop_new();
    cr_assert_not_null(loop);
    scratch_log_open(LOG_LEVEL_INFO);
}

static void
tear_down(void)
{
    connect_warnings_end(&warnings);
    loop_free(loop);
    log_close();
    scratch_remove();
}

TestSuite(connect_warnings, .init = set_up, .fini = tear_down, .timeout = 30);

static unsigned
admitted_of(unsigned count)
{
    unsigned admitted = 0;

    for (unsigned i = 0; i < count; i++)
        admitted += connect_warnings_admit(&warnings, loop->base, "web");
    return admitted;
}

/* The ten seconds are over. */
static void
let_time_pass(void)
{
    cr_assert(timer_is_set(&warnings.timer));
    timer_set(&warnings.timer, 0);
    while (timer_is_set(&warnings.timer))
        wire_turn(loop);
}

static bool
log_says(const char *words)
{
    char *text = scratch_read(scratch_path("log"));
    bool said = text != NULL && strstr(text, words) != NULL;

    free(text);
    return said;
}

Test(connect_warnings, tells_how_many_were_left_out)
{
    cr_expect_eq(admitted_of(13), 1);
    cr_expect_not(log_says("web"));
    let_time_pass();
    cr_expect(log_says("warn web: 12 more connections reached no server "
                       "within 10 s (logged at level info)\n"));
}

Test(connect_warnings, tells_nothing_of_none)
{
    cr_expect_eq(admitted_of(1), 1);
    let_time_pass();
    cr_expect_not(log_says("web"));
    cr_expect_eq(admitted_of(2), 1, "the next one is a warning again");
    let_time_pass();
    cr_expect(log_says("web: 1 more connection reached"));
}

/* A service that goes, or a process that ends, leaves nothing untold. */
Test(connect_warnings, tells_it_at_the_end)
{
    cr_expect_eq(admitted_of(3), 1);
    connect_warnings_end(&warnings);
    cr_expect(log_says("web: 2 more connections reached"));
    connect_warnings_end(&warnings);
}
