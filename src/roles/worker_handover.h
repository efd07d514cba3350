/*
 * How workers give each other connections, and wake each other at a limit: every
 * two have a socket pair of which each reads and writes one end.
 *
 * No third worker shares a pair, so that a worker that has been taken over can
 * shut or fill its own pairs alone.  The socket that a message comes on tells
 * its sender.
 */
#ifndef ROLES_WORKER_HANDOVER_H
#define ROLES_WORKER_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"
#include "base/scoreboard.h"
#include "net/timer.h"
#include "roles/handover_debts.h"

struct address;
struct acceptor;
struct relay;

struct handover_link;

struct worker_handover {
    struct relay *relay;
    struct timer retry; /* when descriptors or memory had run out */
    struct handover_debts debts;
    unsigned passed_to; /* the slot that was the last one's turn */
    bool watching;
    struct handover_link *links[SCOREBOARD_SLOTS]; /* NULL: no worker there */
};

/* For the master: makes a socket pair of datagrams.  False: errno says why. */
NODISCARD bool worker_handover_pair(int fds[2]);

/* False: out of memory. */
NODISCARD bool worker_handover_open(
    struct worker_handover *handover, struct relay *relay);

/* Reads from now on whatever comes: the relay has acceptors for it.  May be called
 * again. */
void worker_handover_watch(struct worker_handover *handover);

/* For a worker whose handover the master has shut for senders: reads what was
 * sent, and then no more. */
void worker_handover_end(struct worker_handover *handover);

void worker_handover_close(struct worker_handover *handover);

/* What a relay asks of it: see relay.h. */
void worker_handover_wake(struct worker_handover *handover, unsigned slot);
NODISCARD bool worker_handover_send(struct worker_handover *handover,
    unsigned slot, struct acceptor *acceptor, int fd,
    const struct address *client);

/* A conn_pass_fn, `arg` the handover: to any worker that takes it, in turn. */
bool worker_handover_pass(void *arg, uint64_t acceptor, unsigned service,
    int fd, const struct address *client);

/* Takes `fd`: the process of that slot is at its far end.  -1: no process is any
 * more; what it has sent is read first, and what it was handed is not counted
 * here any longer.  The far end has to be open until then: a datagram socket that
 * sends to one that is gone loses what it has not read (unix_dgram_sendmsg() of
 * Linux). */
void worker_handover_introduce(struct worker_handover *handover, unsigned slot,
    int fd);

/* Takes `fd`, in which is what a process that has ended has not read. */
void worker_handover_read_left(struct worker_handover *handover, int fd);

/* Reads all that is there now, for a worker about to change. */
void worker_handover_empty(struct worker_handover *handover);

#endif
