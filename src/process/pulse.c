#include "process/pulse.h"

#include <event2/event.h>

#include <stddef.h>

#include "base/board.h"
#include "base/clock.h"

static void
on_beat(evutil_socket_t fd, short what, void *arg)
{
    const struct pulse *pulse = arg;

    (void)fd;
    (void)what;
    board_beat(pulse->seed.board, pulse->seed.slot, clock_now_ms());
}

bool
pulse_start(struct pulse *pulse, struct event_base *base,
    const struct pulse_seed *seed)
{
    struct timeval every;

    *pulse = (struct pulse){ .timer = NULL };
    if (seed == NULL || seed->every_ms == 0)
        return true;
    pulse->seed = *seed;
    every = clock_span(seed->every_ms);
    pulse->timer = event_new(base, -1, EV_PERSIST, on_beat, pulse);
    if (pulse->timer == NULL || event_add(pulse->timer, &every) < 0)
        return false;
    on_beat(-1, 0, pulse);
    return true;
}

void
pulse_stop(struct pulse *pulse)
{
    if (pulse->timer != NULL)
        event_free(pulse->timer);
    pulse->timer = NULL;
}
