/*
 * Messages that could not leave at once, in the order in which they were sent:
 * their bytes, and duplicates of their descriptors.
 */
#ifndef IPC_CHANNEL_QUEUE_H
#define IPC_CHANNEL_QUEUE_H

#include <sys/queue.h>
#include <sys/uio.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "ipc/channel_packet.h"

struct channel_waiting;

struct channel_queue {
    STAILQ_HEAD(, channel_waiting) list;
    size_t count;
};

void channel_queue_init(struct channel_queue *queue);

/* Appends a message made of the bytes of `parts`; the caller keeps `fds`, of
 * which there are at most MESSAGE_FDS_MAX.  False: out of memory or
 * descriptors, and the queue is as it was. */
NODISCARD bool channel_queue_add(struct channel_queue *queue,
    const struct iovec *parts, size_t count, const int *fds, size_t fd_count);

/* Writes messages to `fd`, the first one first, until the queue is empty (DONE)
 * or one does not leave; that one and those behind it stay. */
NODISCARD enum channel_write channel_queue_write(
    struct channel_queue *queue, int fd);

/* Drops all, and closes their descriptors. */
void channel_queue_clear(struct channel_queue *queue);

#endif
