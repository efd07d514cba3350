/*
 * How many connections there may be at once.
 *
 * At a limit accepting pauses: clients wait in the kernel's queue, and are
 * served as soon as another connection ends.
 */
#ifndef RELAY_LIMITS_H
#define RELAY_LIMITS_H

struct relay;
struct service;

/* A connection of `service` begins, or has ended. */
void limits_enter(struct relay *relay, struct service *service);
void limits_leave(struct relay *relay, struct service *service);

#endif
