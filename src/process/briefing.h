/*
 * What a worker or keeper is to load: the bundle, and its listening sockets or
 * its keys.
 */
#ifndef PROCESS_BRIEFING_H
#define PROCESS_BRIEFING_H

struct child;

/* Brings a new worker or keeper up to what is in force, or, while a rollout is
 * prepared, to that. */
void briefing_send(struct child *child);

#endif
