/*
 * One packet over a SOCK_SEQPACKET socket, with its descriptors: the two system
 * calls behind a channel.
 */
#ifndef IPC_CHANNEL_PACKET_H
#define IPC_CHANNEL_PACKET_H

#include <sys/types.h>
#include <sys/uio.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "ipc/message_types.h"

struct channel_packet {
    void *bytes; /* in this module's own memory until the next one is read */
    size_t length;
    int fds[MESSAGE_FDS_MAX]; /* close-on-exec; -1 behind the last */
    size_t fd_count;
};

enum channel_read {
    CHANNEL_READ_DONE,
    CHANNEL_READ_NOTHING, /* now */
    CHANNEL_READ_END,
    CHANNEL_READ_BAD,     /* too long, or descriptors have been lost */
};

/* The caller owns the descriptors of a packet that is DONE; those of others are
 * closed. */
NODISCARD enum channel_read channel_packet_read(
    int fd, struct channel_packet *packet);

/* The bytes of `parts`, all or none of them. */
enum channel_write {
    CHANNEL_WRITE_DONE,
    CHANNEL_WRITE_FULL,  /* wait until the socket can be written to */
    CHANNEL_WRITE_LATER, /* wait a moment: the kernel has no memory to spare */
    CHANNEL_WRITE_GONE,
};

NODISCARD enum channel_write channel_packet_write(int fd, struct iovec *parts,
    size_t count, const int *fds, size_t fd_count);

void channel_packet_close(int fds[MESSAGE_FDS_MAX]);

#endif
