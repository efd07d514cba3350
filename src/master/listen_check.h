/*
 * Looks after the sockets that serve: a process that has been taken over can end
 * one for all that have it.  What does not listen any more is made to listen
 * again, or bound anew, and every worker is sent it (MESSAGE_REBOUND).
 *
 * For once a second, for the end of a child before the next one is given its
 * sockets, for before a reload, and for after its commit; amid the commit nothing
 * is done.
 */
#ifndef MASTER_LISTEN_CHECK_H
#define MASTER_LISTEN_CHECK_H

struct children;
struct fdstore;
struct generations;
struct listen_table;

/* All are borrowed. */
struct listen_check {
    struct children *children; /* whose workers are sent a socket */
    const struct generations *generations;
    struct listen_table *sockets;
    struct fdstore *fdstore;
};

void listen_check(const struct listen_check *check);

#endif
