#include "relay/farewell.h"

#include <event2/event_struct.h>

#include <stdlib.h>

#include "net/loop.h"
#include "net/stream.h"
#include "net/timer.h"
#include "relay/relay.h"

struct farewell {
    LIST_ENTRY(farewell) entry;
    struct relay *relay;
    struct stream stream;
    struct timer timer;
    size_t discarded;
};

static void
farewell_free(struct farewell *farewell)
{
    LIST_REMOVE(farewell, entry);
    farewell->relay->farewell_count--;
    timer_close(&farewell->timer);
    stream_free(&farewell->stream);
    free(farewell);
}

static void
on_farewell_timer(void *arg)
{
    farewell_free(arg);
}

static void
on_input(evutil_socket_t fd, short what, void *arg)
{
    struct farewell *farewell = arg;
    enum stream_status status;
    size_t size;

    (void)fd;
    (void)what;
    status = stream_receive(&farewell->stream,
        farewell->relay->loop->scratch, LOOP_SCRATCH_BYTES, &size);
    farewell->discarded += size;
    if ((status != STREAM_OK && status != STREAM_AGAIN) ||
        farewell->discarded > FAREWELL_BYTES)
        farewell_free(farewell);
}

/* NULL: out of memory. */
static struct farewell *
new_farewell(struct relay *relay)
{
    struct farewell *farewell = calloc(1, sizeof(*farewell));

    if (farewell == NULL)
        return NULL;
    if (!timer_open(&farewell->timer, relay->loop->base, on_farewell_timer,
            farewell)) {
        free(farewell);
        return NULL;
    }
    farewell->relay = relay;
    LIST_INSERT_HEAD(&relay->farewells, farewell, entry);
    relay->farewell_count++;
    return farewell;
}

void
farewell_start(struct relay *relay, struct stream *stream)
{
    struct farewell *farewell = NULL;

    if (relay->farewell_count < FAREWELLS_MOST &&
        stream_finish(stream) == STREAM_OK)
        farewell = new_farewell(relay);
    if (farewell == NULL) {
        stream_abort(stream);
        stream_free(stream);
        return;
    }
    stream_open(&farewell->stream, relay->loop, stream_detach(stream), on_input,
        farewell);
    stream_free(stream);
    timer_set(&farewell->timer, FAREWELL_MS);
    stream_watch(&farewell->stream, EV_READ);
}

void
farewell_end_all(struct relay *relay)
{
    struct farewell *farewell;

    while ((farewell = LIST_FIRST(&relay->farewells)) != NULL)
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it is off the list */
        farewell_free(farewell);
}
