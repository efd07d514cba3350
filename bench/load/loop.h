/*
 * The load generator's event loop: level-triggered epoll, one per process.
 */
#ifndef LOAD_LOOP_H
#define LOAD_LOOP_H

#include <stdbool.h>
#include <stdint.h>

/* Something with a descriptor.  Zero-initialise; set `fd` and `ready`. */
struct watch {
    int fd;
    uint32_t events; /* what is waited for; owned by the loop */
    bool added;
    void (*ready)(struct watch *, uint32_t events);
};

void loop_watch(struct watch *watch, uint32_t events);

/* Takes the descriptor out and closes it; events that were already fetched
 * are not told any more. */
void loop_close(struct watch *watch);

/* Frees `memory` (takes it) when no fetched event can refer to it. */
void loop_bury(void *memory);

/* Calls `tick` every `period_ms` from now on. */
void loop_tick(unsigned period_ms, void (*tick)(void));

/* Until loop_stop(). */
void loop_run(void);
void loop_stop(void);

int64_t now_ns(void);

/* The run is worth nothing: says why and exits with 1. */
void fail(const char *format, ...)
    __attribute__((format(printf, 1, 2), noreturn));

#endif
