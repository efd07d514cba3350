/*
 * Connections on their way to another process.
 *
 * No process can count for another one.  So what is handed over stays counted
 * here until the other process has counted it in and said so: the sum of all
 * processes is never short of it, and a process that never says so is soon
 * handed nothing more.
 */
#ifndef RELAY_LIMITS_HANDED_H
#define RELAY_LIMITS_HANDED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/base.h"

struct relay;

/* The connection just counted in here, number `accepted` of the relay, is to go
 * to that slot.  False: it is to stay, for want of memory, because too many are
 * on the way there, or because that slot would draw too many. */
NODISCARD bool limits_hand(struct relay *relay, unsigned slot, unsigned index);

/* The connection stays: it could not be sent. */
void limits_keep(struct relay *relay, unsigned slot, unsigned index);

/* The process of that slot says that it has counted `count` of them in, which is
 * believed as far as they were handed to it: they are counted out here. */
void limits_handed(struct relay *relay, unsigned slot, unsigned index,
    uint32_t count);

/* No word will come from that slot any more; from any slot. */
void limits_forget(struct relay *relay, unsigned slot);
void limits_forget_all(struct relay *relay);

/* For scoreboard_least_loaded(), by slot; NULL: nothing was ever handed over. */
const uint32_t *limits_pending(const struct relay *relay);
uint64_t limits_pending_sum(const struct relay *relay);

/* Frees what is kept here; for the relay's end. */
void limits_handed_clear(struct relay *relay);

#endif
