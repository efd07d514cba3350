#include "ipc/channel_packet.h"

#include <sys/socket.h>

#include <assert.h>
#include <errno.h>
#include <stdalign.h>
#include <string.h>
#include <unistd.h>

#include "base/fd_pass.h"

/* Valid within one callback only, and there are no threads: so one packet
 * serves every channel of the process. */
static struct {
    alignas(max_align_t) char bytes[MESSAGE_BYTES_MAX + 1];
} room;

_Static_assert((int)MESSAGE_FDS_MAX <= (int)FD_PASS_MAX, "all have room");

void
channel_packet_close(int fds[MESSAGE_FDS_MAX])
{
    for (size_t i = 0; i < MESSAGE_FDS_MAX; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
        fds[i] = -1;
    }
}

/* A far side that closed without having read all leaves ECONNRESET behind, once
 * and in front of what it had sent before. */
static ssize_t
receive_packet(int fd, struct msghdr *header, union fd_pass *pass)
{
    unsigned resets = 0;
    ssize_t got;

    do {
        fd_pass_expect(header, pass, MESSAGE_FDS_MAX);
        got = recvmsg(fd, header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (got < 0 &&
        (errno == EINTR || (errno == ECONNRESET && resets++ == 0)));
    return got;
}

enum channel_read
channel_packet_read(int fd, struct channel_packet *packet)
{
    union fd_pass pass;
    struct iovec part = { room.bytes, MESSAGE_BYTES_MAX };
    struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };
    ssize_t got = receive_packet(fd, &header, &pass);

    if (got < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS ||
            errno == ENOMEM ? CHANNEL_READ_NOTHING : CHANNEL_READ_END;
    packet->fd_count = fd_pass_unpack(&header, packet->fds, MESSAGE_FDS_MAX);
    packet->bytes = room.bytes;
    packet->length = (size_t)got;
    if (got > 0 && (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0)
        return CHANNEL_READ_DONE;
    channel_packet_close(packet->fds);
    return got > 0 ? CHANNEL_READ_BAD : CHANNEL_READ_END;
}

static enum channel_write
judge_failure(int code)
{
    switch (code) {
    case EAGAIN:
        return CHANNEL_WRITE_FULL;
    case ENOBUFS:
    case ENOMEM:
    case ETOOMANYREFS: /* descriptors on their way, of this user (unix(7)) */
        return CHANNEL_WRITE_LATER;
    default:
        return CHANNEL_WRITE_GONE;
    }
}

/* sendmsg(2) without descriptors, for processes that may not call that. */
static ssize_t
send_bytes(int fd, const struct iovec *parts, size_t count)
{
    static char bytes[MESSAGE_BYTES_MAX];
    size_t length = 0;

    for (size_t i = 0; i < count; i++) {
        assert(parts[i].iov_len <= sizeof(bytes) - length);
        if (parts[i].iov_len > 0)
            memcpy(bytes + length, parts[i].iov_base, parts[i].iov_len);
        length += parts[i].iov_len;
    }
    return send(fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
}

enum channel_write
channel_packet_write(int fd, struct iovec *parts, size_t count,
    const int *fds, size_t fd_count)
{
    union fd_pass pass;
    struct msghdr header = { .msg_iov = parts, .msg_iovlen = count };
    ssize_t sent;

    fd_pass_pack(&header, &pass, fds, fd_count);
    do
        sent = fd_count == 0
            ? send_bytes(fd, parts, count)
            : sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent >= 0 ? CHANNEL_WRITE_DONE : judge_failure(errno);
}
