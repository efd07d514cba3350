#include "roles/heartbeat.h"

#include <stddef.h>

#include "ipc/channel.h"

/* A master that does not read is not sent more of the same. */
static void
send_beat(void *arg)
{
    const struct heartbeat *heartbeat = arg;

    if (!channel_is_waiting(heartbeat->master))
        channel_send(
            heartbeat->master, MESSAGE_HEARTBEAT, NULL, NULL, 0, NULL, 0);
}

bool
heartbeat_start(struct heartbeat *heartbeat, struct event_base *base,
    struct channel *master)
{
    *heartbeat = (struct heartbeat){ .master = master };
    if (!ticker_open(&heartbeat->ticker, base, send_beat, heartbeat))
        return false;
    ticker_start(&heartbeat->ticker);
    send_beat(heartbeat);
    return true;
}

void
heartbeat_stop(struct heartbeat *heartbeat)
{
    ticker_close(&heartbeat->ticker);
}
