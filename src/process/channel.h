/*
 * One end of the socket pair between two processes: queues what is sent, judges
 * what comes, and never blocks.
 */
#ifndef PROCESS_CHANNEL_H
#define PROCESS_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "process/message.h"

struct channel;
struct event_base;

/* A message that is in order.  Takes `fds` (as many as the type comes with).
 * Must not free the channel: see channel_close_soon(). */
typedef void channel_message_fn(
    void *arg, const struct message *message, const int *fds);

/* Runs once, when the far side has closed, broke the rules or did not read for
 * too long (`why` says which, in words for the log).  May free the channel. */
typedef void channel_ended_fn(void *arg, const char *why);

/* Takes `fd`, one end of a SOCK_SEQPACKET pair.  NULL: out of memory; then the
 * caller still has `fd`. */
NODISCARD struct channel *channel_new(struct event_base *base, int fd,
    enum role own, enum role far, channel_message_fn *got,
    channel_ended_fn *ended, void *arg);

/* Closes; what is queued is lost, no callback runs any more. */
void channel_free(struct channel *channel);

/* Sends the type's fixed part and `text` behind it (NULL: none).  Descriptors
 * are duplicated by the kernel: the caller keeps `fds`, which must stay open
 * until the message has left, so they are duplicated here if it has to wait.
 * A far side that lets CHANNEL_QUEUE_MAX messages wait has ended. */
enum { CHANNEL_QUEUE_MAX = 4096 };
void channel_send(struct channel *channel, enum message_type type,
    const void *fixed, const char *text, size_t text_length, const int *fds,
    size_t fd_count);

/* Waits (poll) until all that is queued has left, at most `patience_ms`: for a
 * process about to end.  False: it has not. */
NODISCARD bool channel_flush(struct channel *channel, int patience_ms);

/* Makes a pair, close-on-exec and non-blocking. */
NODISCARD bool channel_pair(int fds[2]);

#endif
