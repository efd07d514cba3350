#include "net/timer.h"

#include <event2/event.h>
#include <sys/queue.h>

#include <stddef.h>
#include <stdlib.h>

#include "base/clock.h"

enum { FAR_OFF_S = 1000 };

/* All timers of one base. */
struct timer_queue {
    SLIST_ENTRY(timer_queue) entry;
    struct event_base *base;
    struct event *event;
    struct timer *first;  /* the earliest; NULL: none is set */
    uint64_t armed_ms;    /* when `event` comes; UINT64_MAX: never */
    uint64_t last_number; /* that a timer was given */
    unsigned users;       /* timers that are open, and a run under way */
};

/* Of this process, which as a rule has one base. */
static SLIST_HEAD(, timer_queue) queues;

bool
timer_is_set(const struct timer *timer)
{
    return timer->rank > 0;
}

static bool
is_before(const struct timer *a, const struct timer *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->number < b->number;
}

static unsigned
rank_of(const struct timer *timer)
{
    return timer != NULL ? timer->rank : 0;
}

/* The heap leans to the left, so that the way down its right side is short. */
static void
lean_left(struct timer *timer)
{
    struct timer *right = timer->right;

    if (rank_of(timer->left) < rank_of(right)) {
        timer->right = timer->left;
        timer->left = right;
    }
    timer->rank = rank_of(timer->right) + 1;
}

/* Two heaps become one, along their right sides: as many steps as the logarithm
 * of what is in them. */
static struct timer *
meld_heaps(struct timer *a, struct timer *b)
{
    struct timer *top, *below;

    if (a == NULL || b == NULL)
        return a != NULL ? a : b;
    top = is_before(a, b) ? a : b;
    below = top == a ? b : a;
    top->right = meld_heaps(top->right, below);
    top->right->parent = top;
    lean_left(top);
    return top;
}

static void
put_into_heap(struct timer *timer)
{
    struct timer_queue *queue = timer->queue;

    timer->rank = 1;
    timer->parent = timer->left = timer->right = NULL;
    queue->first = meld_heaps(queue->first, timer);
    queue->first->parent = NULL;
}

/* Ranks above it change as far as they are those of right sides. */
static void
take_from_heap(struct timer *timer)
{
    struct timer *parent = timer->parent;
    struct timer *rest = meld_heaps(timer->left, timer->right);

    timer->rank = 0;
    if (rest != NULL)
        rest->parent = parent;
    if (parent == NULL)
        timer->queue->first = rest;
    else if (parent->left == timer)
        parent->left = rest;
    else
        parent->right = rest;
    for (; parent != NULL; parent = parent->parent) {
        unsigned before = parent->rank;

        lean_left(parent);
        if (parent->rank == before)
            break;
    }
}

/* Has libevent call when the earliest is due.  A wait that nothing is to end
 * should have no timeout: the kernel would set a clock for it (ticker.h). */
static void
arm_queue(struct timer_queue *queue)
{
    uint64_t at_ms = queue->first != NULL ? queue->first->at_ms : UINT64_MAX;
    uint64_t now_ms;
    struct timeval wait;

    if (at_ms == queue->armed_ms)
        return;
    queue->armed_ms = at_ms;
    if (at_ms == UINT64_MAX) {
        event_del(queue->event);
        return;
    }
    now_ms = clock_now_ms();
    wait = clock_span(at_ms > now_ms ? at_ms - now_ms : 0);
    (void)event_add(queue->event, &wait); /* see reserve_timer_place() */
}

static void
leave_queue(struct timer_queue *queue)
{
    if (--queue->users > 0)
        return;
    SLIST_REMOVE(&queues, queue, timer_queue, entry);
    event_free(queue->event);
    free(queue);
}

/* libevent's clock may be some milliseconds behind ours: what it takes for due is
 * due.  Timers that are set meanwhile have higher numbers. */
static void
on_due(evutil_socket_t fd, short what, void *arg)
{
    struct timer_queue *queue = arg;
    uint64_t now_ms = clock_now_ms(), last_number = queue->last_number;
    struct timer *timer;

    (void)fd;
    (void)what;
    if (now_ms < queue->armed_ms)
        now_ms = queue->armed_ms;
    queue->armed_ms = UINT64_MAX;
    queue->users++;
    while ((timer = queue->first) != NULL && timer->at_ms <= now_ms &&
        timer->number <= last_number) {
        take_from_heap(timer);
        timer->run(timer->arg); /* it may be gone then */
    }
    arm_queue(queue);
    leave_queue(queue);
}

/* The array that libevent makes for its first timers never shrinks.  False: out
 * of memory. */
static bool
reserve_timer_place(struct timer_queue *queue)
{
    static const struct timeval far_off = { .tv_sec = FAR_OFF_S };

    queue->event = evtimer_new(queue->base, on_due, queue);
    if (queue->event == NULL)
        return false;
    if (event_add(queue->event, &far_off) == 0) {
        event_del(queue->event);
        return true;
    }
    event_free(queue->event);
    return false;
}

/* NULL: out of memory. */
static struct timer_queue *
new_queue(struct event_base *base)
{
    struct timer_queue *queue = calloc(1, sizeof(*queue));

    if (queue == NULL)
        return NULL;
    queue->base = base;
    queue->armed_ms = UINT64_MAX;
    if (!reserve_timer_place(queue)) {
        free(queue);
        return NULL;
    }
    SLIST_INSERT_HEAD(&queues, queue, entry);
    return queue;
}

static struct timer_queue *
queue_of(struct event_base *base)
{
    struct timer_queue *queue;

    SLIST_FOREACH(queue, &queues, entry)
        if (queue->base == base)
            return queue;
    return new_queue(base);
}

bool
timer_open(struct timer *timer, struct event_base *base,
    void (*run)(void *arg), void *arg)
{
    *timer = (struct timer){
        .queue = queue_of(base),
        .run = run,
        .arg = arg,
    };
    if (timer->queue == NULL)
        return false;
    timer->queue->users++;
    return true;
}

bool
timer_is_open(const struct timer *timer)
{
    return timer->queue != NULL;
}

void
timer_stop(struct timer *timer)
{
    if (!timer_is_set(timer))
        return;
    take_from_heap(timer);
    arm_queue(timer->queue);
}

void
timer_close(struct timer *timer)
{
    if (timer->queue == NULL)
        return;
    timer_stop(timer);
    leave_queue(timer->queue);
    timer->queue = NULL;
}

void
timer_set(struct timer *timer, uint64_t delay_ms)
{
    struct timer_queue *queue = timer->queue;

    if (timer_is_set(timer))
        take_from_heap(timer);
    timer->at_ms = clock_now_ms() + delay_ms;
    timer->number = ++queue->last_number;
    put_into_heap(timer);
    arm_queue(queue);
}

bool
timer_start(struct timer *timer, struct event_base *base,
    void (*run)(void *arg), void *arg, uint64_t delay_ms)
{
    if (!timer_is_open(timer) && !timer_open(timer, base, run, arg))
        return false;
    timer_set(timer, delay_ms);
    return true;
}
