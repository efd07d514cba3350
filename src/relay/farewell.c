#include "relay/farewell.h"

#include <event2/event_struct.h>

#include <stdlib.h>

#include "base/clock.h"
#include "net/loop.h"
#include "net/stream.h"
#include "relay/relay.h"

struct farewell {
    LIST_ENTRY(farewell) entry;
    struct relay *relay;
    struct stream stream;
    struct event timer;
    size_t discarded;
};

static void
farewell_free(struct farewell *farewell)
{
    LIST_REMOVE(farewell, entry);
    farewell->relay->farewell_count--;
    event_del(&farewell->timer);
    stream_free(&farewell->stream);
    free(farewell);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
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

static void
farewell_link(struct farewell *farewell, struct relay *relay)
{
    farewell->relay = relay;
    LIST_INSERT_HEAD(&relay->farewells, farewell, entry);
    relay->farewell_count++;
}

void
farewell_start(struct relay *relay, struct stream *stream)
{
    struct timeval delay = clock_span(FAREWELL_MS);
    struct farewell *farewell = NULL;

    if (relay->farewell_count < FAREWELLS_MOST &&
        stream_finish(stream) == STREAM_OK)
        farewell = calloc(1, sizeof(*farewell));
    if (farewell == NULL) {
        stream_abort(stream);
        stream_free(stream);
        return;
    }
    stream_open(&farewell->stream, relay->loop, stream_detach(stream), on_input,
        farewell);
    stream_free(stream);
    evtimer_assign(&farewell->timer, relay->loop->base, on_timer, farewell);
    event_add(&farewell->timer, &delay);
    stream_watch(&farewell->stream, EV_READ);
    farewell_link(farewell, relay);
}

void
farewell_end_all(struct relay *relay)
{
    struct farewell *farewell;

    while ((farewell = LIST_FIRST(&relay->farewells)) != NULL)
        farewell_free(farewell);
}
