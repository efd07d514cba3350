#include "ipc/channel.h"

#include <event2/event.h>
#include <sys/socket.h>

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "ipc/channel_packet.h"
#include "ipc/channel_queue.h"
#include "net/loop.h"
#include "net/timer.h"

enum {
    READS_PER_TURN = 32, /* a far side that floods is not alone in the loop */
    LATER_MS = 20,       /* until the kernel may have memory again */
    WHY_SIZE = 160,
};

struct channel {
    int fd;
    enum role own;
    enum role far;
    channel_message_fn *const *handlers;
    channel_ended_fn *ended;
    void *arg;

    struct event *readable;
    struct event *writable;
    struct timer later;
    struct event *ending;

    struct channel_queue queue;

    bool singly;
    bool offended;       /* it has ended for what the far side did */
    bool mute;           /* the far side reads no more: sends are dropped */
    char why[WHY_SIZE];  /* "": has not ended */
    bool reading;        /* within read_packets(), which uses it afterwards */
    bool released;       /* while reading: only the memory is left to free */
};

static bool
has_ended(const struct channel *channel)
{
    return channel->why[0] != '\0';
}

static void
stop_writing(struct channel *channel)
{
    channel_queue_clear(&channel->queue);
    event_del(channel->writable);
    timer_stop(&channel->later);
}

/* Calls `ended` from the loop, not here: it may free what the caller of
 * channel_send() still uses. */
static void PRINTF_LIKE(2, 3)
end_channel(struct channel *channel, const char *format, ...)
{
    va_list arguments;

    if (has_ended(channel))
        return;
    va_start(arguments, format);
    vsnprintf(channel->why, sizeof(channel->why), format, arguments);
    va_end(arguments);
    stop_writing(channel);
    event_del(channel->readable);
    event_active(channel->ending, EV_TIMEOUT, 1);
}

static void
on_ending(evutil_socket_t fd, short what, void *arg)
{
    struct channel *channel = arg;

    (void)fd;
    (void)what;
    channel->ended(channel->arg, channel->why); /* last: it may free */
}

/* What the far side had to say before it left is still to be read, and the end
 * comes behind it. */
static void
fall_silent(struct channel *channel)
{
    channel->mute = true;
    stop_writing(channel);
    event_active(channel->readable, EV_READ, 1);
}

static enum channel_write
write_waiting(struct channel *channel)
{
    return channel_queue_write(&channel->queue, channel->fd);
}

/* A socket is writable again and again while the kernel has no memory: that is
 * what the timer is for. */
static void
await_writable(struct channel *channel, enum channel_write how)
{
    if (how != CHANNEL_WRITE_FULL)
        event_del(channel->writable);
    else if (event_add(channel->writable, NULL) != 0)
        how = CHANNEL_WRITE_LATER; /* nor has this process any */
    if (how == CHANNEL_WRITE_LATER)
        timer_set(&channel->later, LATER_MS);
    else if (how == CHANNEL_WRITE_GONE)
        fall_silent(channel);
}

static void
on_later(void *arg)
{
    struct channel *channel = arg;

    await_writable(channel, write_waiting(channel));
}

static void
on_channel_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    on_later(arg);
}

static bool
enqueue_message(struct channel *channel, const struct iovec *parts,
    size_t count, const int *fds, size_t fd_count)
{
    if (channel->queue.count >= CHANNEL_QUEUE_MAX) {
        end_channel(channel, "let %zu messages wait", channel->queue.count);
        return false;
    }
    if (!channel_queue_add(&channel->queue, parts, count, fds, fd_count)) {
        end_channel(channel,
            "was too slow: no memory or descriptor is left to keep "
            "messages for it");
        return false;
    }
    return true;
}

void
channel_send(struct channel *channel, enum message_type type,
    const void *fixed, const char *text, size_t text_length, const int *fds,
    size_t fd_count)
{
    size_t fixed_length = message_info(type)->fixed;
    struct message_header header = {
        .type = type, .length = (uint32_t)(fixed_length + text_length),
    };
    struct iovec parts[] = {
        { &header, sizeof(header) },
        { (void *)fixed, fixed_length },
        { (void *)text, text_length },
    };
    bool first = channel->queue.count == 0;
    enum channel_write how = CHANNEL_WRITE_FULL;

    assert(fd_count == message_info(type)->fds);
    assert(text_length <= MESSAGE_BYTES_MAX - sizeof(header) - fixed_length);
    if (has_ended(channel) || channel->mute)
        return;
    if (first)
        how = channel_packet_write(
            channel->fd, parts, COUNT(parts), fds, fd_count);
    if (how == CHANNEL_WRITE_GONE)
        fall_silent(channel);
    else if (how != CHANNEL_WRITE_DONE &&
        enqueue_message(channel, parts, COUNT(parts), fds, fd_count) && first)
        await_writable(channel, how);
}

bool
channel_flush(struct channel *channel, int patience_ms)
{
    uint64_t now_ms = clock_now_ms();
    uint64_t until_ms = now_ms + (uint64_t)patience_ms;
    enum channel_write how;

    while ((how = write_waiting(channel)) == CHANNEL_WRITE_FULL ||
        how == CHANNEL_WRITE_LATER) {
        bool full = how == CHANNEL_WRITE_FULL;
        struct pollfd room = { .fd = channel->fd, .events = POLLOUT };

        now_ms = clock_now_ms();
        if (now_ms >= until_ms)
            return false;
        poll(&room, full ? 1 : 0, full ? (int)(until_ms - now_ms) : LATER_MS);
    }
    if (how == CHANNEL_WRITE_GONE)
        fall_silent(channel);
    return !has_ended(channel) && !channel->mute;
}

void
channel_listen(struct channel *channel, bool listen)
{
    if (has_ended(channel))
        return;
    if (!listen)
        event_del(channel->readable);
    else if (event_add(channel->readable, NULL) != 0)
        end_channel(channel, "cannot be read from: out of memory");
}

void
channel_read_singly(struct channel *channel)
{
    channel->singly = true;
}

bool
channel_is_waiting(const struct channel *channel)
{
    return channel->queue.count > 0;
}

bool
channel_is_offended(const struct channel *channel)
{
    return channel->offended;
}

static bool
deliver_message(struct channel *channel, struct channel_packet *packet)
{
    const struct message_header *header = packet->bytes;
    struct message message;

    if (message_judge(packet->bytes, packet->length, packet->fd_count,
            channel->far, channel->own, &message)) {
        channel->handlers[message.type](channel->arg, &message, packet->fds);
        return !channel->released && !has_ended(channel);
    }
    channel_packet_close(packet->fds);
    channel->offended = true;
    end_channel(channel,
        "sent what is not in order (type %ld, %zu bytes, %zu descriptors)",
        packet->length >= sizeof(*header) ? (long)header->type : -1,
        packet->length, packet->fd_count);
    return false;
}

/* False: that was all, for now or for good. */
static bool
read_one(struct channel *channel)
{
    struct channel_packet packet;

    switch (channel_packet_read(channel->fd, &packet)) {
    case CHANNEL_READ_DONE:
        return deliver_message(channel, &packet);
    case CHANNEL_READ_NOTHING:
        if (channel->mute)
            end_channel(channel, "does not listen any more");
        return false;
    case CHANNEL_READ_END:
        end_channel(channel, "closed");
        return false;
    case CHANNEL_READ_BAD:
        break;
    }
    channel->offended = true;
    end_channel(channel,
        "sent a packet that is too long, or more descriptors than "
        "may be or are free here");
    return false;
}

static void
read_packets(struct channel *channel, unsigned most)
{
    channel->reading = true;
    for (unsigned i = 0; i < most && read_one(channel); i++)
        continue;
    channel->reading = false;
    if (channel->released)
        free(channel);
}

static void
on_channel_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct channel *channel = arg;

    read_packets(channel, channel->singly ? 1 : READS_PER_TURN);
}

void
channel_hear_out(struct channel *channel)
{
    if (!has_ended(channel) && !channel->reading)
        read_packets(channel, CHANNEL_QUEUE_MAX);
}

static bool
make_events(struct channel *channel, struct event_base *base)
{
    channel->readable = event_new(
        base, channel->fd, EV_READ | EV_PERSIST, on_channel_readable, channel);
    channel->writable = event_new(
        base, channel->fd, EV_WRITE | EV_PERSIST, on_channel_writable, channel);
    channel->ending = evtimer_new(base, on_ending, channel);
    return channel->readable != NULL && channel->writable != NULL &&
        channel->ending != NULL &&
        timer_open(&channel->later, base, on_later, channel) &&
        event_add(channel->readable, NULL) == 0;
}

static void
free_event(struct event *event)
{
    if (event != NULL)
        event_free(event);
}

/* All but the descriptor.  A handler that frees the channel leaves its memory to
 * read_packets(). */
static void
take_apart(struct channel *channel)
{
    channel_queue_clear(&channel->queue);
    free_event(channel->readable);
    free_event(channel->writable);
    timer_close(&channel->later);
    free_event(channel->ending);
    channel->released = true;
    if (!channel->reading)
        free(channel);
}

static bool
handles_all(channel_message_fn *const *handlers, enum role from, enum role to)
{
    for (enum message_type type = 0; type < MESSAGE_TYPE_COUNT; type++)
        if (handlers[type] == NULL && message_may_pass(type, from, to))
            return false;
    return true;
}

struct channel *
channel_new(struct event_base *base, int fd, enum role own, enum role far,
    channel_message_fn *const *handlers, channel_ended_fn *ended, void *arg)
{
    struct channel *channel = calloc(1, sizeof(*channel));

    assert(handles_all(handlers, far, own));
    if (channel == NULL)
        return NULL;
    *channel = (struct channel){
        .fd = fd, .own = own, .far = far,
        .handlers = handlers, .ended = ended, .arg = arg,
    };
    channel_queue_init(&channel->queue);
    if (make_events(channel, base))
        return channel;
    take_apart(channel);
    return NULL;
}

/* Frees all but the descriptor, whose events go first; returns that. */
static int
channel_release(struct channel *channel)
{
    int fd = channel->fd;

    take_apart(channel);
    return fd;
}

void
channel_free(struct channel *channel)
{
    if (channel != NULL)
        close(channel_release(channel));
}

void
channel_free_in(struct channel *channel, struct loop *loop)
{
    if (channel != NULL)
        loop_close(loop, channel_release(channel));
}

bool
channel_leads_to_parent(int fd)
{
    struct ucred peer;
    socklen_t length = sizeof(peer);
    int type = 0;
    socklen_t type_length = sizeof(type);

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_length) == 0 &&
        type == SOCK_SEQPACKET &&
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
        peer.pid == getppid();
}

bool
channel_pair(int fds[2])
{
    return socketpair(
        AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0;
}
