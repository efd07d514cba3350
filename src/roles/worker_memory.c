#include "roles/worker_memory.h"

#include <event2/event.h>

#include <malloc.h>

enum {
    WORTHWHILE = 256, /* fewer connections leave too little behind */
    SETTLE_S = 10,    /* a lull within a rush is not its end */
};

/* Handshakes come in bursts, a TLS object is some 50 KiB, and a heap that is
 * cut back after every burst has its pages faulted in again for the next. */
enum { HEAP_SLACK_BYTES = 2 << 20, MAPPED_ALONE_BYTES = 512 << 10 };

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct worker_memory *memory = arg;

    (void)fd;
    (void)what;
    memory->peak = 0;
    malloc_trim(0);
}

bool
worker_memory_start(struct worker_memory *memory, struct event_base *base)
{
    mallopt(M_TRIM_THRESHOLD, HEAP_SLACK_BYTES);
    mallopt(M_MMAP_THRESHOLD, MAPPED_ALONE_BYTES);
    memory->timer = evtimer_new(base, on_timer, memory);
    return memory->timer != NULL;
}

void
worker_memory_stop(struct worker_memory *memory)
{
    if (memory->timer != NULL)
        event_free(memory->timer);
    memory->timer = NULL;
}

void
worker_memory_note(struct worker_memory *memory, size_t connections)
{
    static const struct timeval settle = { .tv_sec = SETTLE_S };

    if (connections > memory->peak)
        memory->peak = connections;
    if (memory->timer != NULL && memory->peak >= WORTHWHILE &&
        connections <= memory->peak / 2 &&
        !evtimer_pending(memory->timer, NULL))
        event_add(memory->timer, &settle);
}
