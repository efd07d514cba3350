#include "net/loop.h"

#include <event2/event.h>

#include <stdlib.h>

#include "base/clock.h"
#include "net/loop_memory.h"

static struct event_base *
new_base(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    if (config == NULL)
        return NULL;
    /* Changes of interest are collected and made once per turn.  Safe here:
     * no descriptor that is watched is ever duplicated (epoll(7)). */
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
    loop->tasks_end = &loop->tasks;
    loop_memory_install();
    loop->base = new_base();
    loop->scratch = malloc(LOOP_SCRATCH_BYTES);
    loop->records = malloc(LOOP_RECORDS_BYTES);
    loop->input = malloc(LOOP_INPUT_BYTES);
    if (loop->base == NULL || loop->scratch == NULL || loop->records == NULL ||
        loop->input == NULL) {
        loop_free(loop);
        return NULL;
    }
    return loop;
}

/* Runs what was queued before this turn looked for events. */
static void
run_tasks(struct loop *loop, uint64_t turn)
{
    while (loop->tasks != NULL && loop->tasks->turn < turn) {
        struct loop_task *task = loop->tasks;

        loop_cancel(loop, task);
        task->run(task->arg);
    }
}

/* Whatever has ended has cancelled its tasks; what is left are last duties. */
void
loop_free(struct loop *loop)
{
    if (loop == NULL)
        return;
    run_tasks(loop, UINT64_MAX);
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
        int wait = loop->tasks != NULL ? EVLOOP_NONBLOCK : 0;
        uint64_t turn = ++loop->turn;

        event_base_loop(loop->base, EVLOOP_ONCE | wait);
        run_tasks(loop, turn);
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
    uint64_t *last_ms = loop->exhausted_shared_ms;

    return clock_is_due(
        last_ms != NULL ? last_ms : &loop->exhausted_ms, SECONDS(1));
}

void
loop_defer(struct loop *loop, struct loop_task *task)
{
    if (task->link != NULL)
        return;
    task->turn = loop->turn;
    task->next = NULL;
    task->link = loop->tasks_end;
    *loop->tasks_end = task;
    loop->tasks_end = &task->next;
}

void
loop_cancel(struct loop *loop, struct loop_task *task)
{
    if (task->link == NULL)
        return;
    *task->link = task->next;
    if (task->next != NULL)
        task->next->link = task->link;
    else
        loop->tasks_end = task->link;
    task->link = NULL;
}
