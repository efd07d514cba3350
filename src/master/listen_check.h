/*
 * Looks after the sockets in force: a process that has been taken over can end
 * one for all that have it.  What does not listen any more is made to listen
 * again, or bound anew, and every worker is sent it (MESSAGE_REBOUND).
 *
 * Looked at once a second, after the end of a child before the next one is given
 * its sockets, before a reload, and after its switch; amid the switch not at all.
 */
#ifndef MASTER_LISTEN_CHECK_H
#define MASTER_LISTEN_CHECK_H

struct master;

void listen_check(struct master *master);

#endif
