/*
 * The inside of the supervisor, for the files that make it up, from high to low:
 * supervisor.c (which instances are filled), supervisor_start.c (their
 * processes), supervisor_replace.c (workers that take another's instance),
 * supervisor_links.c (the links from one to another), supervisor_cover.c (sockets
 * of workers that are missing), supervisor_pairs.c (the links between workers).
 */
#ifndef MASTER_SUPERVISOR_INTERNAL_H
#define MASTER_SUPERVISOR_INTERNAL_H

#include "master/supervisor.h"

/* Of every instance. */
extern const struct instance_ops supervisor_instance_ops;

/* Whether the worker takes part in the active generation.  NULL does not. */
bool supervisor_serves_now(
    const struct supervisor *supervisor, const struct child *worker);

/* Lets two workers hand each other connections, if they do not yet. */
void supervisor_pair(struct supervisor *supervisor, struct child *one,
    struct child *other);

/* No other worker can hand this one anything any more; it reads what is there. */
void supervisor_shut_handovers(
    const struct supervisor *supervisor, const struct child *worker);

/* The worker has ended: what it has not read is for another one. */
void supervisor_unpair(
    struct supervisor *supervisor, const struct child *worker);
void supervisor_clear_pairs(struct supervisor *supervisor);

/* The number of the keeper that signs for the worker. */
unsigned supervisor_keeper_of(const struct child *worker);

/* Makes the links of a child that has started, and has it load what it is to. */
void supervisor_link_child(
    struct supervisor *supervisor, struct child *child);

/* Sends the scout what names_files read last, if there is a scout. */
void supervisor_send_names(struct supervisor *supervisor);

/* The worker finishes what it has, and ends.  Those that stay take over its
 * sockets, and it reads what it was sent before the caller shut its handovers, so
 * nothing that was accepted or queued is lost.  `generation`: what the others
 * commit; the commit waits until the worker accepts no client any more; 0: it
 * does not. */
void supervisor_retire(struct supervisor *supervisor, struct child *worker,
    uint64_t generation);

/* Whether the next worker of the instance must never have to be replaced: as many
 * of its former ones as may be still have connections. */
bool supervisor_must_end_replacements(
    const struct supervisor *supervisor, const struct instance *instance);

/* A replaced worker has ended before its instance was taken. */
void supervisor_forget_replacement(
    struct supervisor *supervisor, const struct child *worker);

#endif
