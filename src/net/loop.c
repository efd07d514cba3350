#include "net/loop.h"

#include <event2/event.h>

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/loop_memory.h"

/* A full handshake takes half a millisecond or more. */
enum { COSTLY_NS_PER_TURN = 2000000 };

static struct event_base *
new_base(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    if (config == NULL)
        return NULL;
    /* Changes of interest are collected and made once per turn.  Safe here: no
     * descriptor that is watched is duplicated, but for those that loop_close()
     * closes (epoll(7)). */
    if (event_config_set_flag(config,
            EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST) == 0 &&
        event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0)
        base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

struct loop *
loop_new(void)
{
    struct loop *loop = calloc(1, sizeof(*loop));

    if (loop == NULL)
        return NULL;
    for (size_t i = 0; i < LOOP_ORDER_COUNT; i++)
        TAILQ_INIT(&loop->queues[i]);
    loop_memory_install();
    loop->base = new_base();
    loop->scratch = malloc(LOOP_SCRATCH_BYTES);
    loop->records = malloc(LOOP_RECORDS_BYTES);
    loop->input = malloc(LOOP_INPUT_BYTES);
    if (loop->base == NULL || loop->scratch == NULL || loop->records == NULL ||
        loop->input == NULL ||
        !timer_open(&loop->spare, loop->base, NULL, NULL)) {
        loop_free(loop);
        return NULL;
    }
    return loop;
}

static struct loop_task *
first_of(const struct loop *loop, enum loop_order order)
{
    return TAILQ_FIRST(&loop->queues[order]);
}

/* Runs what was queued before this turn looked for events. */
static void
run_tasks(struct loop *loop, uint64_t turn)
{
    struct loop_task *task;

    while ((task = first_of(loop, LOOP_NEXT_TURN)) != NULL &&
        task->turn < turn) {
        loop_cancel(loop, task);
        task->run(task->arg);
    }
}

/* NULL: there is none. */
static struct loop_task *
next_costly(const struct loop *loop)
{
    struct loop_task *task = first_of(loop, LOOP_AHEAD);

    return task != NULL ? task : first_of(loop, LOOP_IN_LINE);
}

/* At least one, so that the line moves on. */
static void
run_costly(struct loop *loop)
{
    uint64_t end_ns;
    struct loop_task *task = next_costly(loop);

    if (task == NULL)
        return;
    end_ns = clock_now_ns() + COSTLY_NS_PER_TURN;
    do {
        loop_cancel(loop, task);
        task->run(task->arg);
        task = next_costly(loop);
    } while (task != NULL && clock_now_ns() < end_ns);
}

static void
run_last(struct loop *loop)
{
    struct loop_task *task;

    while ((task = first_of(loop, LOOP_LAST)) != NULL) {
        loop_cancel(loop, task);
        task->run(task->arg);
    }
}

static bool
is_busy(const struct loop *loop)
{
    for (size_t i = 0; i < LOOP_ORDER_COUNT; i++)
        if (!TAILQ_EMPTY(&loop->queues[i]))
            return true;
    return false;
}

/* Whatever has ended has cancelled its tasks; what is left are last duties. */
void
loop_free(struct loop *loop)
{
    if (loop == NULL)
        return;
    run_tasks(loop, UINT64_MAX);
    timer_close(&loop->spare);
    if (loop->base != NULL)
        event_base_free(loop->base);
    free(loop->scratch);
    free(loop->records);
    free(loop->input);
    free(loop);
}

void
loop_run(struct loop *loop)
{
    loop->stopping = false;
    while (!loop->stopping) {
        int wait = is_busy(loop) ? EVLOOP_NONBLOCK : 0;
        uint64_t turn = ++loop->turn;

        event_base_loop(loop->base, EVLOOP_ONCE | wait);
        run_tasks(loop, turn);
        run_costly(loop);
        run_last(loop);
    }
}

void
loop_stop(struct loop *loop)
{
    loop->stopping = true;
    event_base_loopbreak(loop->base);
}

bool
loop_may_log_exhaustion(struct loop *loop)
{
    return loop->may_log_exhaustion != NULL
        ? loop->may_log_exhaustion(loop->may_log_arg)
        : clock_is_due(&loop->exhausted_ms, SECONDS(1));
}

static void
append_task(struct loop *loop, struct loop_task *task, enum loop_order order)
{
    if (task->queued)
        return;
    task->queued = true;
    task->order = order;
    task->turn = loop->turn;
    TAILQ_INSERT_TAIL(&loop->queues[order], task, entry);
}

void
loop_defer(struct loop *loop, struct loop_task *task)
{
    append_task(loop, task, LOOP_NEXT_TURN);
}

void
loop_line_up(struct loop *loop, struct loop_task *task)
{
    append_task(loop, task, LOOP_IN_LINE);
}

void
loop_line_up_ahead(struct loop *loop, struct loop_task *task)
{
    append_task(loop, task, LOOP_AHEAD);
}

void
loop_conclude(struct loop *loop, struct loop_task *task)
{
    append_task(loop, task, LOOP_LAST);
}

void
loop_cancel(struct loop *loop, struct loop_task *task)
{
    if (!task->queued)
        return;
    task->queued = false;
    TAILQ_REMOVE(&loop->queues[task->order], task, entry);
}

/* A descriptor that is to be closed. */
struct closing {
    struct loop_task task;
    int fd;
};

static void
on_close(void *arg)
{
    struct closing *closing = arg;

    close(closing->fd);
    free(closing);
}

void
loop_close(struct loop *loop, int fd)
{
    struct closing *closing = calloc(1, sizeof(*closing));

    if (closing == NULL) {
        close(fd);
        return;
    }
    closing->fd = fd;
    closing->task = (struct loop_task){ .run = on_close, .arg = closing };
    loop_defer(loop, &closing->task);
}
