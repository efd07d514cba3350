#include "ipc/channel_packet.h"

#include <sys/socket.h>

#include <assert.h>
#include <errno.h>
#include <stdalign.h>
#include <string.h>
#include <unistd.h>

/* Valid within one callback only, and there are no threads: so one packet
 * serves every channel of the process. */
static struct {
    alignas(max_align_t) char bytes[MESSAGE_BYTES_MAX + 1];
} room;

/* Aligned as the kernel wants its headers. */
union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(MESSAGE_FDS_MAX * sizeof(int))];
};

void
channel_packet_close(int fds[MESSAGE_FDS_MAX])
{
    for (size_t i = 0; i < MESSAGE_FDS_MAX; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
        fds[i] = -1;
    }
}

/* The kernel puts in no more than has room: nothing goes beyond `fds`. */
static void
take_fds(struct msghdr *header, struct channel_packet *packet)
{
    struct cmsghdr *part;

    packet->fd_count = 0;
    for (size_t i = 0; i < MESSAGE_FDS_MAX; i++)
        packet->fds[i] = -1;
    for (part = CMSG_FIRSTHDR(header); part != NULL;
         part = CMSG_NXTHDR(header, part)) {
        size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
            continue;
        if (count > MESSAGE_FDS_MAX - packet->fd_count)
            count = MESSAGE_FDS_MAX - packet->fd_count;
        memcpy(packet->fds + packet->fd_count, CMSG_DATA(part),
            count * sizeof(int));
        packet->fd_count += count;
    }
}

/* A far side that closed without having read all leaves ECONNRESET behind, once
 * and in front of what it had sent before. */
static ssize_t
receive(int fd, struct msghdr *header)
{
    size_t room_for_control = header->msg_controllen;
    unsigned resets = 0;
    ssize_t got;

    do {
        header->msg_controllen = room_for_control;
        got = recvmsg(fd, header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (got < 0 &&
        (errno == EINTR || (errno == ECONNRESET && resets++ == 0)));
    return got;
}

enum channel_read
channel_packet_read(int fd, struct channel_packet *packet)
{
    union control control;
    struct iovec part = { room.bytes, MESSAGE_BYTES_MAX };
    struct msghdr header = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof(control),
    };
    ssize_t got = receive(fd, &header);

    if (got < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS ||
            errno == ENOMEM ? CHANNEL_READ_NOTHING : CHANNEL_READ_END;
    take_fds(&header, packet);
    packet->bytes = room.bytes;
    packet->length = (size_t)got;
    if (got > 0 && (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0)
        return CHANNEL_READ_DONE;
    channel_packet_close(packet->fds);
    return got > 0 ? CHANNEL_READ_BAD : CHANNEL_READ_END;
}

static void
put_fds(struct msghdr *header, union control *control, const int *fds,
    size_t count)
{
    if (count == 0)
        return;
    memset(control, 0, sizeof(*control));
    control->header.cmsg_level = SOL_SOCKET;
    control->header.cmsg_type = SCM_RIGHTS;
    control->header.cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(&control->header), fds, count * sizeof(int));
    header->msg_control = control;
    header->msg_controllen = CMSG_SPACE(count * sizeof(int));
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
    union control control;
    struct msghdr header = { .msg_iov = parts, .msg_iovlen = count };
    ssize_t sent;

    put_fds(&header, &control, fds, fd_count);
    do
        sent = fd_count == 0
            ? send_bytes(fd, parts, count)
            : sendmsg(fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent >= 0 ? CHANNEL_WRITE_DONE : judge_failure(errno);
}
