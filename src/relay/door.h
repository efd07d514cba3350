/*
 * One listening socket as a worker uses it: who comes in there is served by
 * the service that the socket stands for now.
 */
#ifndef RELAY_DOOR_H
#define RELAY_DOOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

struct address;
struct door;
struct relay;
struct service;

/* Takes `fd`, a listening non-blocking socket, perhaps shared with other
 * processes, and begins to accept.  `id` is the caller's; `text`, copied, is
 * the address for the log.  NULL: out of memory; the caller still has `fd`. */
NODISCARD struct door *door_open(struct relay *relay, uint64_t id, int fd,
    const char *text, bool tls, struct service *service);

/* Who comes in from now on is served by `service`. */
void door_serve(struct door *door, struct service *service);

/* Stops accepting and closes.  `empty_first`: who waits in the kernel's queue
 * is still let in, limit or not: closing the last copy of the socket would
 * reset them.  Runs no later than the relay's loop is freed. */
void door_close(struct door *door, bool empty_first);
void door_close_all(struct relay *relay, bool empty_first);

/* NULL: none has this id. */
struct door *door_find(const struct relay *relay, uint64_t id);

uint64_t door_id(const struct door *door);
const char *door_text(const struct door *door);
bool door_is_tls(const struct door *door);
struct service *door_service(const struct door *door);
struct door *door_next(const struct door *door);

/* Takes `fd`, a client's socket that another process accepted at its copy of
 * this door and counted in here as one of the service with that index on the
 * board.  `door` NULL: there is none here any more, and the client is refused.
 * `client` is its address, as that process says; the kernel's word, which it
 * has while the connection lives, goes first. */
void door_take(struct relay *relay, struct door *door, int fd, unsigned index,
    const struct address *client);

/* The same for a door that has been closed here meanwhile. */
void door_take_closed(struct relay *relay, struct service *service, bool tls,
    int fd, const struct address *client);

/* For limits.c: accepts or pauses, as the limits say. */
void door_update(struct door *door);

#endif
