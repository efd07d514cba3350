/*
 * What a worker or keeper is to load: the bundle, and its listening sockets or
 * its keys.
 */
#ifndef MASTER_GENERATION_SEND_H
#define MASTER_GENERATION_SEND_H

struct child;
struct generations;
struct listen_table;

/* Sends the active generation to a new worker or keeper, or, while a rollout is
 * prepared, the next one.  `before`: how many workers there are until then. */
void generation_send(struct child *child,
    const struct generations *generations,
    const struct listen_table *sockets, unsigned before);

#endif
