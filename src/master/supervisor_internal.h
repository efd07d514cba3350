/*
 * The inside of the supervisor, for the files that make it up: supervisor.c
 * (which instances are filled), supervisor_start.c (their processes),
 * supervisor_links.c (the ways from one to another), supervisor_pairs.c (those
 * between workers), supervisor_replace.c (workers that take another's instance)
 * and supervisor_cover.c (sockets of workers that are missing).
 */
#ifndef MASTER_SUPERVISOR_INTERNAL_H
#define MASTER_SUPERVISOR_INTERNAL_H

#include "master/supervisor.h"

/* Whether the worker takes part in what is in force.  NULL does not. */
bool supervisor_serves_now(const struct child *worker);

/* Lets two workers hand each other connections, if they do not yet. */
void supervisor_pair(struct child *one, struct child *other);

/* Nobody can hand the worker anything any more; it reads what is there. */
void supervisor_shut_handovers(const struct child *worker);

/* The worker has ended: what it has not read is for another one. */
void supervisor_unpair(const struct child *worker);
void supervisor_clear_pairs(struct supervisor *supervisor);

/* Which keeper signs for the worker. */
unsigned supervisor_keeper_of(const struct child *worker);

/* It finishes what it has, and ends.  Those that stay take over its sockets, and
 * it reads what it was sent before the caller shut its handovers, so nothing that
 * was accepted or queued is lost.  `generation`: what the others switch to, for
 * which it is waited until it accepts nobody any more; 0: it is not. */
void supervisor_retire(struct child *worker, uint64_t generation);

/* True if who takes the instance now must never have to be relieved: as many as may
 * be of those who were there before still have connections. */
bool supervisor_must_end_replacements(const struct instance *instance);

/* It has ended before its instance was taken. */
void supervisor_forget_replacement(struct supervisor *supervisor,
    const struct child *worker);

#endif
