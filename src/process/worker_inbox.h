/*
 * How workers give each other connections, and wake each other at a limit: each
 * has a socket pair of which it reads one end; all others send to the other.
 */
#ifndef PROCESS_WORKER_INBOX_H
#define PROCESS_WORKER_INBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "base/board.h"

struct door;
struct address;
struct event;
struct relay;

struct worker_inbox {
    struct relay *relay;
    struct event *readable;
    struct event *retry; /* when descriptors had run out */
    int fd;
    int peers[BOARD_SLOTS]; /* where to send to; -1: nobody there */
};

/* For the master: makes a socket pair of datagrams, which unlike others stays
 * silent when nobody is left at its far end.  False: errno says why. */
NODISCARD bool worker_inbox_pair(int *read_fd, int *send_fd);

/* Takes `fd`, which may hold words already: those that a worker before this one
 * did not come to read.  False: out of memory. */
NODISCARD bool worker_inbox_open(
    struct worker_inbox *inbox, struct relay *relay, int fd);

/* Reads from now on whatever comes: the relay has doors for it.  May be called
 * again.  False: out of memory. */
NODISCARD bool worker_inbox_watch(struct worker_inbox *inbox);

/* Nothing can be sent to this worker any more, nor to a next one that reads the
 * same inbox; what was sent is read. */
void worker_inbox_end(struct worker_inbox *inbox);

void worker_inbox_close(struct worker_inbox *inbox);

/* What a relay asks of it: see relay.h. */
void worker_inbox_wake(struct worker_inbox *inbox, unsigned slot);
NODISCARD bool worker_inbox_hand_over(struct worker_inbox *inbox,
    unsigned slot, struct door *door, int fd, const struct address *client);

/* For the master: has the worker who reads at the far end look at the
 * limits. */
void worker_inbox_send_room(int fd);

/* Takes `fd`: the process of that slot reads at its far end.  -1: nobody does
 * any more. */
void worker_inbox_introduce(struct worker_inbox *inbox, unsigned slot, int fd);

/* Reads all that is there now, for a worker about to change. */
void worker_inbox_empty(struct worker_inbox *inbox);

#endif
