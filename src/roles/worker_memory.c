#include "roles/worker_memory.h"

#include <malloc.h>

enum {
    WORTHWHILE = 256, /* fewer connections leave too little behind */
    SETTLE_MS = 10000, /* a lull within a rush is not its end */
};

/* Handshakes come in bursts, a TLS object is some 50 KiB, and a heap that is
 * cut back after every burst has its pages faulted in again for the next. */
enum { HEAP_SLACK_BYTES = 2 << 20, MAPPED_ALONE_BYTES = 512 << 10 };

static void
on_trim_timer(void *arg)
{
    struct worker_memory *memory = arg;

    memory->peak = 0;
    malloc_trim(0);
}

bool
worker_memory_start(struct worker_memory *memory, struct event_base *base)
{
    mallopt(M_TRIM_THRESHOLD, HEAP_SLACK_BYTES);
    mallopt(M_MMAP_THRESHOLD, MAPPED_ALONE_BYTES);
    return timer_open(&memory->timer, base, on_trim_timer, memory);
}

void
worker_memory_stop(struct worker_memory *memory)
{
    timer_close(&memory->timer);
}

void
worker_memory_note(struct worker_memory *memory, size_t connections)
{
    if (connections > memory->peak)
        memory->peak = connections;
    if (timer_is_open(&memory->timer) && memory->peak >= WORTHWHILE &&
        connections <= memory->peak / 2 && !timer_is_set(&memory->timer))
        timer_set(&memory->timer, SETTLE_MS);
}
