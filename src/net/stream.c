#include "net/stream.h"

#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <assert.h>
#include <errno.h>
#include <unistd.h>

#include "net/loop.h"
#include "net/socket_options.h"

void
stream_open(struct stream *stream, struct loop *loop, int fd,
    event_callback_fn ready, void *arg)
{
    *stream = (struct stream){
        .ops = &stream_plain_ops,
        .loop = loop,
        .fd = fd,
    };
    event_assign(&stream->event, loop->base, fd, EV_PERSIST, ready, arg);
}

void
stream_set_connected(struct stream *stream)
{
    stream->connected = true;
    stream->nagle = STREAM_NAGLE_UNUSED;
}

enum stream_status
stream_read(struct stream *stream, void *data, size_t size, size_t *got)
{
    enum stream_status status;

    *got = 0;
    status = stream->ops->read(stream, data, size, got);
    /* A failed write takes the socket's error with it, and what is read then
     * looks like a clean end: tell it as it was. */
    if (stream->error != 0 &&
        (status == STREAM_END || status == STREAM_TRUNCATED))
        return STREAM_RESET;
    return status;
}

enum stream_status
stream_write(struct stream *stream, const void *data, size_t size)
{
    assert(!stream->finishing);
    return stream->ops->write(stream, data, size);
}

static bool
would_block(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK;
}

/* Nagle's algorithm holds a small segment back while an earlier one is not
 * acknowledged (RFC 896), which the first never is: many connections send but
 * that. */
static void
count_send(struct stream *stream)
{
    if (stream->nagle == STREAM_NAGLE_UNUSED) {
        stream->nagle = STREAM_NAGLE_ON;
        return;
    }
    stream->nagle = STREAM_NAGLE_OFF;
    socket_sends_at_once(stream->fd);
}

/* Sends as much as the kernel takes; 0 is possible.  False: broken. */
static bool
send_some(struct stream *stream, const void *data, size_t size, size_t *sent)
{
    /* What ends the stream leaves in one packet with the FIN: tcp(7). */
    int more = stream->ending ? MSG_MORE : 0;
    ssize_t n;

    *sent = 0;
    if (stream->error != 0)
        return false;
    if (stream->nagle != STREAM_NAGLE_OFF)
        count_send(stream);
    do
        n = send(stream->fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL | more);
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        stream->moved += *sent = (size_t)n;
    else if (!would_block(errno))
        stream->error = errno;
    return stream->error == 0;
}

bool
stream_keep(struct stream *stream, const void *data, size_t size)
{
    if (!buffer_append(&stream->pending, data, size)) {
        stream->error = ENOMEM;
        return false;
    }
    stream->loop->kept += size;
    return true;
}

enum stream_status
stream_send(struct stream *stream, const void *data, size_t size)
{
    size_t sent = 0;

    if (buffer_length(&stream->pending) == 0 &&
        !send_some(stream, data, size, &sent))
        return STREAM_RESET;
    if (sent == size)
        return STREAM_OK;
    return stream_keep(stream, (const uint8_t *)data + sent, size - sent)
        ? STREAM_AGAIN
        : STREAM_FAILED;
}

enum stream_status
stream_receive(struct stream *stream, void *data, size_t size, size_t *got)
{
    ssize_t n;

    *got = 0;
    do
        n = recv(stream->fd, data, size, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        stream->moved += *got = (size_t)n;
        return STREAM_OK;
    }
    if (n == 0)
        return STREAM_END;
    if (would_block(errno))
        return STREAM_AGAIN;
    stream->error = errno;
    return STREAM_RESET;
}

enum stream_status
stream_flush(struct stream *stream)
{
    while (buffer_length(&stream->pending) > 0) {
        size_t length = buffer_length(&stream->pending), sent;

        if (!send_some(stream, buffer_head(&stream->pending), length, &sent))
            return STREAM_RESET;
        buffer_consume(&stream->pending, sent);
        stream->loop->kept -= sent;
        if (sent < length)
            return STREAM_AGAIN;
    }
    if (stream->finishing && !stream->finished) {
        stream->finished = true;
        /* Fails only where the peer has closed already, and then all that
         * stood before the end was sent: not a broken stream. */
        if (!stream->last)
            shutdown(stream->fd, SHUT_WR);
    }
    return stream->error == 0 ? STREAM_OK : STREAM_RESET;
}

enum stream_status
stream_finish(struct stream *stream)
{
    if (!stream->finishing && stream->ops->finish != NULL) {
        stream->ending = true;
        stream->ops->finish(stream);
        stream->ending = false;
    }
    stream->finishing = true;
    return stream_flush(stream);
}

bool
stream_may_write(const struct stream *stream)
{
    return stream->ops->may_write == NULL || stream->ops->may_write(stream);
}

bool
stream_has_input(const struct stream *stream)
{
    return stream->ops->has_input != NULL && stream->ops->has_input(stream);
}

size_t
stream_room(const struct stream *stream, size_t *queued)
{
    uint32_t info[SK_MEMINFO_VARS] = { 0 }, used;
    socklen_t length = sizeof(info);

    *queued = 0;
    if (getsockopt(stream->fd, SOL_SOCKET, SO_MEMINFO, info, &length) < 0)
        return SIZE_MAX;
    used = info[SK_MEMINFO_WMEM_QUEUED]; /* of TCP; the other of unix sockets */
    if (used < info[SK_MEMINFO_WMEM_ALLOC])
        used = info[SK_MEMINFO_WMEM_ALLOC];
    *queued = used;
    return used < info[SK_MEMINFO_SNDBUF] ? info[SK_MEMINFO_SNDBUF] - used : 0;
}

bool
stream_is_gone(const struct stream *stream)
{
    struct tcp_info info;
    socklen_t length = sizeof(info);

    return getsockopt(stream->fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 &&
        info.tcpi_state == TCP_CLOSE;
}

/* What was written to a unix socket is in its peer's queue already, where
 * SIOCOUTQ counts it until the peer reads it: unix(7). */
static bool
is_unix(const struct stream *stream)
{
    int domain = 0;
    socklen_t length = sizeof(domain);

    return getsockopt(stream->fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) ==
        0 &&
        domain == AF_UNIX;
}

size_t
stream_unsent(const struct stream *stream)
{
    size_t pending = buffer_length(&stream->pending);
    int queued = 0;

    /* After a reset what was queued stays counted, but goes nowhere. */
    if (!stream_is_open(stream) || stream->error != 0 ||
        stream_is_gone(stream))
        return 0;
    if (is_unix(stream) || ioctl(stream->fd, SIOCOUTQ, &queued) < 0)
        return pending;
    return pending + (size_t)queued;
}

void
stream_acknowledge(struct stream *stream)
{
    static const int on = 1;

    /* No error matters: a unix socket has no acknowledgements. */
    setsockopt(stream->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}

/* A receiver holds its acknowledgement back for less than two full segments. */
static size_t
delayed_most(const struct stream *stream)
{
    int segment = 0;
    socklen_t length = sizeof(segment);

    if (getsockopt(
            stream->fd, IPPROTO_TCP, TCP_MAXSEG, &segment, &length) < 0)
        return 0;
    return 2 * (size_t)segment;
}

enum stream_receipt
stream_receipt(const struct stream *stream)
{
    int queued = 0;

    if (!stream_is_open(stream) || buffer_length(&stream->pending) > 0 ||
        ioctl(stream->fd, SIOCOUTQ, &queued) < 0)
        return STREAM_OUTSTANDING;
    if (queued == 0)
        return STREAM_ACKNOWLEDGED;
    return (size_t)queued < delayed_most(stream) ? STREAM_PERHAPS
                                                 : STREAM_OUTSTANDING;
}

bool
stream_try_watch(struct stream *stream, short what)
{
    if (stream->watched == what)
        return true;
    if (stream->watched != 0)
        event_del(&stream->event);
    stream->watched = 0;
    if (what == 0)
        return true;
    event_assign(&stream->event, stream->loop->base, stream->fd,
        (short)(what | EV_PERSIST), event_get_callback(&stream->event),
        event_get_callback_arg(&stream->event));
    if (event_add(&stream->event, NULL) != 0)
        return false;
    stream->watched = what;
    return true;
}

void
stream_watch(struct stream *stream, short what)
{
    (void)!stream_try_watch(stream, what);
}

static void
close_socket(struct stream *stream, bool resets)
{
    if (!stream_is_open(stream))
        return;
    if (!resets || !stream->connected)
        socket_close_resets(stream->fd, resets);
    stream_watch(stream, 0);
    stream->loop->kept -= buffer_length(&stream->pending);
    buffer_clear(&stream->pending);
    close(stream->fd);
    stream->fd = -1;
}

void
stream_close(struct stream *stream)
{
    close_socket(stream, false);
}

void
stream_abort(struct stream *stream)
{
    close_socket(stream, true);
}

int
stream_detach(struct stream *stream)
{
    int fd = stream->fd;

    stream_watch(stream, 0);
    stream->fd = -1;
    return fd;
}

void
stream_free(struct stream *stream)
{
    stream_close(stream);
    if (stream->ops->free != NULL)
        stream->ops->free(stream);
    *stream = (struct stream)STREAM_NONE;
}
