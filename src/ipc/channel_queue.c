#include "ipc/channel_queue.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

/* A message that could not leave at once. */
struct channel_waiting {
    STAILQ_ENTRY(channel_waiting) entry;
    int fds[MESSAGE_FDS_MAX]; /* duplicates; -1 behind the last */
    size_t fd_count;
    size_t length;
    char bytes[];
};

static void
drop_first_waiting(struct channel_queue *queue)
{
    struct channel_waiting *waiting = STAILQ_FIRST(&queue->list);

    STAILQ_REMOVE_HEAD(&queue->list, entry);
    queue->count--;
    channel_packet_close(waiting->fds);
    free(waiting);
}

static bool
duplicate_descriptors(
    struct channel_waiting *waiting, const int *fds, size_t count)
{
    for (size_t i = 0; i < MESSAGE_FDS_MAX; i++)
        waiting->fds[i] = -1;
    for (waiting->fd_count = 0; waiting->fd_count < count;
         waiting->fd_count++) {
        int fd = fcntl(fds[waiting->fd_count], F_DUPFD_CLOEXEC, 0);

        if (fd < 0)
            return false;
        waiting->fds[waiting->fd_count] = fd;
    }
    return true;
}

/* NULL: out of memory or descriptors. */
static struct channel_waiting *
waiting_new(
    const struct iovec *parts, size_t count, const int *fds, size_t fd_count)
{
    struct channel_waiting *waiting;
    size_t length = 0;

    for (size_t i = 0; i < count; i++)
        length += parts[i].iov_len;
    waiting = malloc(sizeof(*waiting) + length);
    if (waiting == NULL)
        return NULL;
    if (!duplicate_descriptors(waiting, fds, fd_count)) {
        channel_packet_close(waiting->fds);
        free(waiting);
        return NULL;
    }
    waiting->length = 0;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].iov_len > 0)
            memcpy(waiting->bytes + waiting->length, parts[i].iov_base,
                parts[i].iov_len);
        waiting->length += parts[i].iov_len;
    }
    return waiting;
}

void
channel_queue_init(struct channel_queue *queue)
{
    STAILQ_INIT(&queue->list);
    queue->count = 0;
}

bool
channel_queue_add(struct channel_queue *queue, const struct iovec *parts,
    size_t count, const int *fds, size_t fd_count)
{
    struct channel_waiting *waiting =
        waiting_new(parts, count, fds, fd_count);

    if (waiting == NULL)
        return false;
    STAILQ_INSERT_TAIL(&queue->list, waiting, entry);
    queue->count++;
    return true;
}

enum channel_write
channel_queue_write(struct channel_queue *queue, int fd)
{
    struct channel_waiting *waiting;

    while ((waiting = STAILQ_FIRST(&queue->list)) != NULL) {
        enum channel_write how = channel_packet_write(fd,
            &(struct iovec){ waiting->bytes, waiting->length }, 1,
            waiting->fds, waiting->fd_count);

        if (how != CHANNEL_WRITE_DONE)
            return how;
        drop_first_waiting(queue);
    }
    return CHANNEL_WRITE_DONE;
}

void
channel_queue_clear(struct channel_queue *queue)
{
    while (!STAILQ_EMPTY(&queue->list))
        drop_first_waiting(queue);
}
