/*
 * One end of the socket pair between two processes: queues what is sent, judges
 * what comes, and never blocks.
 */
#ifndef IPC_CHANNEL_H
#define IPC_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"
#include "ipc/message.h"

struct channel;
struct event_base;
struct loop;

/* A message that is in order.  Takes `fds` (message->fd_count of them; what
 * goes beyond is -1).  All else is borrowed for the call.  May free the channel,
 * and must not turn the loop. */
typedef void channel_message_fn(
    void *arg, const struct message *message, const int *fds);

/* Runs once, from the loop and from nowhere else, when the far side has closed,
 * broke the rules or did not read for too long (`why` says which, in words for
 * the log, behind the far role's name).  What the far side said before it closed
 * has been heard by then.  May free the channel. */
typedef void channel_ended_fn(void *arg, const char *why);

/* Whether `ended` runs because of what the far side did, rather than because it
 * is gone. */
bool channel_is_offended(const struct channel *channel);

/* Takes `fd`, one end of a SOCK_SEQPACKET pair.  `handlers`, by type, has one for
 * each that role `far` may send to role `own`; it outlives the channel.  NULL: out
 * of memory; then the caller still has `fd`.
 *
 * A descriptor that comes when this process has none to spare is lost, and the
 * channel with it: keep as many free as channels may bring. */
NODISCARD struct channel *channel_new(struct event_base *base, int fd,
    enum role own, enum role far, channel_message_fn *const *handlers,
    channel_ended_fn *ended, void *arg);

/* Closes; what is queued is lost, no callback runs any more. */
void channel_free(struct channel *channel);

/* The same in a worker's loop, which closes the descriptor in its next turn, for
 * another process may have a duplicate of it (loop_close()). */
void channel_free_in(struct channel *channel, struct loop *loop);

/* Sends the type's fixed part and `text` behind it (NULL: none).  Descriptors
 * are duplicated by the kernel: the caller keeps `fds`, and may close them when
 * this returns, for they are duplicated here if they have to wait.
 * A far side that lets CHANNEL_QUEUE_MAX messages wait has ended.  Once the far
 * side is gone nothing is sent, and `ended` will run or has run. */
enum { CHANNEL_QUEUE_MAX = 16384 };
void channel_send(struct channel *channel, enum message_type type,
    const void *fixed, const char *text, size_t text_length, const int *fds,
    size_t fd_count);

/* One message a turn is heard, rather than some: each is a good deal of work. */
void channel_read_singly(struct channel *channel);

/* Whether a message waits for the far side to read what was sent before. */
bool channel_is_waiting(const struct channel *channel);

/* Turns reading on or off; messages wait in the socket meanwhile, and in the
 * sender once that is full.  Not for a channel that has ended. */
void channel_listen(struct channel *channel, bool listen);

/* Waits (poll) until all that is queued has left, at most `patience_ms`: for a
 * process about to end.  False: it has not. */
NODISCARD bool channel_flush(struct channel *channel, int patience_ms);

/* Hears all that the far side has said by now, for one that has ended: its end
 * may be known before its last words have been read. */
void channel_hear_out(struct channel *channel);

/* Whether `fd` is an end of a pair that this process's parent has made: any
 * process may say so of a descriptor. */
NODISCARD bool channel_leads_to_parent(int fd);

/* Makes a pair, close-on-exec and non-blocking. */
NODISCARD bool channel_pair(int fds[2]);

#endif
