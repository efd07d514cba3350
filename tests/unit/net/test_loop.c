#include "net/loop.h"

#include <event2/event.h>
#include <event2/event_struct.h>

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/clock.h"
#include "wire.h"

/* What ran, in order, one letter each. */
static char ran[64];
static struct loop *loop;

struct letter {
    struct loop_task task;
    char name;
    struct loop_task *then;   /* deferred when it runs */
    struct loop_task *cancel; /* cancelled when it runs */
};

static void
note(char name)
{
    size_t length = strlen(ran);

    if (length + 1 < sizeof(ran))
        ran[length] = name;
}

static void
run_letter(void *arg)
{
    struct letter *letter = arg;

    note(letter->name);
    if (letter->cancel != NULL)
        loop_cancel(loop, letter->cancel);
    if (letter->then != NULL)
        loop_defer(loop, letter->then);
}

static struct letter a, b, c;

static void
set_up(void)
{
    struct letter *letters[] = { &a, &b, &c };

    loop = loop_new();
    cr_assert_not_null(loop);
    for (size_t i = 0; i < 3; i++)
        *letters[i] = (struct letter){
            .task = { .run = run_letter, .arg = letters[i] },
            .name = (char)('a' + i),
        };
}

static void
tear_down(void)
{
    loop_free(loop);
}

TestSuite(loop, .init = set_up, .fini = tear_down);

Test(loop, runs_tasks_in_order_and_once)
{
    loop_defer(loop, &c.task);
    loop_defer(loop, &a.task);
    loop_defer(loop, &b.task);
    loop_defer(loop, &c.task); /* is queued already */
    wire_turn(loop);
    cr_expect_str_eq(ran, "cab");
    wire_turn(loop);
    cr_expect_str_eq(ran, "cab");
}

Test(loop, runs_what_a_task_defers_in_the_next_turn_only)
{
    a.then = &a.task;
    b.then = &c.task;
    loop_defer(loop, &a.task);
    loop_defer(loop, &b.task);
    wire_turn(loop);
    cr_expect_str_eq(ran, "ab");
    wire_turn(loop);
    cr_expect_str_eq(ran, "abac");
    wire_turn(loop);
    cr_expect_str_eq(ran, "abaca");
    loop_cancel(loop, &a.task);
}

/* `first` is what runs and cancels; the order of queueing is a, b, c. */
static const struct {
    int cancels; /* index of the letter that a cancels, -1: before the turn */
    const char *want;
} cancels[] = {
    { 0, "abc" }, /* itself: no longer queued */
    { 1, "ac" },
    { 2, "ab" },
};

Test(loop, cancels_any_task_at_any_time)
{
    struct letter *letters[] = { &a, &b, &c };

    for (size_t i = 0; i < sizeof(cancels) / sizeof(cancels[0]); i++) {
        memset(ran, 0, sizeof(ran));
        a.cancel = &letters[cancels[i].cancels]->task;
        for (size_t j = 0; j < 3; j++)
            loop_defer(loop, &letters[j]->task);
        wire_turn(loop);
        cr_expect_str_eq(ran, cancels[i].want);
    }
}

Test(loop, keeps_the_queue_whole_around_a_cancelled_task)
{
    struct letter *letters[] = { &a, &b, &c };

    for (size_t i = 0; i < 3; i++) {
        memset(ran, 0, sizeof(ran));
        for (size_t j = 0; j < 3; j++)
            loop_defer(loop, &letters[j]->task);
        loop_cancel(loop, &letters[i]->task);
        loop_cancel(loop, &letters[i]->task); /* again: nothing */
        loop_defer(loop, &letters[i]->task);  /* goes behind the others */
        wire_turn(loop);
        cr_expect_eq(strlen(ran), 3);
        cr_expect_eq(ran[2], letters[i]->name);
    }
}

/* Costly work that comes back for more, each time for longer than a turn's
 * share. */
struct piece {
    struct loop_task task;
    char name;
    int times;
};

static void
run_piece(void *arg)
{
    struct piece *piece = arg;
    uint64_t end_ns = clock_now_ns() + 3000000;

    note(piece->name);
    while (clock_now_ns() < end_ns)
        continue;
    if (--piece->times > 0)
        loop_line_up(loop, &piece->task);
}

/* Promises 15 and 20 */
Test(loop, does_one_long_piece_of_costly_work_a_turn_in_order)
{
    struct piece pieces[] = {
        { .task = { .run = run_piece, .arg = &pieces[0] }, .name = 'x',
            .times = 2 },
        { .task = { .run = run_piece, .arg = &pieces[1] }, .name = 'y',
            .times = 1 },
        { .task = { .run = run_piece, .arg = &pieces[2] }, .name = 'z',
            .times = 1 },
    };

    for (size_t i = 0; i < 3; i++)
        loop_line_up(loop, &pieces[i].task);
    loop_line_up(loop, &pieces[0].task); /* it stands there already */
    a.then = &a.task;
    loop_defer(loop, &a.task);
    loop_cancel(loop, &pieces[2].task);
    for (int i = 0; i < 4; i++)
        wire_turn(loop);
    loop_cancel(loop, &a.task);
    cr_expect_str_eq(ran, "axayaxa");
}

/* Promise 20 */
Test(loop, does_short_pieces_of_costly_work_in_one_turn)
{
    loop_line_up(loop, &b.task);
    loop_line_up(loop, &c.task);
    loop_line_up(loop, &a.task);
    loop_cancel(loop, &a.task);
    wire_turn(loop);
    cr_expect_str_eq(ran, "bc");
}

Test(loop, does_costly_work_that_has_begun_ahead_of_the_line)
{
    loop_line_up(loop, &b.task);
    loop_line_up_ahead(loop, &c.task);
    loop_line_up_ahead(loop, &a.task);
    wire_turn(loop);
    cr_expect_str_eq(ran, "cab");
}

static void
on_event(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    note('e');
    loop_defer(loop, &a.task);
}

/* An event is looked at before work that was put off; what the event puts off
 * waits for the next look at events. */
Test(loop, looks_at_events_before_tasks)
{
    struct event event;
    int fds[2];

    cr_assert_eq(pipe(fds), 0);
    cr_assert_eq(write(fds[1], "x", 1), 1);
    event_assign(&event, loop->base, fds[0], EV_READ | EV_PERSIST, on_event,
        NULL);
    event_add(&event, NULL);
    loop_defer(loop, &b.task);
    wire_turn(loop);
    cr_expect_str_eq(ran, "eb");
    event_del(&event);
    wire_turn(loop);
    cr_expect_str_eq(ran, "eba");
    close(fds[0]);
    close(fds[1]);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
    note('t');
    loop_stop(loop);
}

Test(loop, waits_for_events_without_tasks, .timeout = 10)
{
    struct timeval soon = { .tv_usec = 20000 };
    struct event timer;

    evtimer_assign(&timer, loop->base, on_timer, NULL);
    event_add(&timer, &soon);
    loop_run(loop);
    cr_expect_str_eq(ran, "t");
    cr_expect_leq(loop->turn, 2, "it slept instead of turning %d times",
        (int)loop->turn);
}

Test(loop, scratch_memory_is_all_there)
{
    memset(loop->scratch, 1, LOOP_SCRATCH_BYTES);
    memset(loop->records, 1, LOOP_RECORDS_BYTES);
    cr_expect_eq(loop->records_length, 0);
    loop_free(NULL);
}
