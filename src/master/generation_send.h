/*
 * What a worker or keeper is to load: the bundle, and its listening sockets or
 * its keys.
 */
#ifndef MASTER_GENERATION_SEND_H
#define MASTER_GENERATION_SEND_H

struct child;

/* Brings a new worker or keeper up to what is in force, or, while a rollout is
 * prepared, to that. */
void generation_send(struct child *child);

#endif
