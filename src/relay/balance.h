/*
 * When a connection is given to another process.
 *
 * The kernel distributes clients by hash, which is unkind to few long
 * connections.  Moving one costs a few system calls and the cache, so what is
 * nearly even stays as it is.
 */
#ifndef RELAY_BALANCE_H
#define RELAY_BALANCE_H

#include <stdbool.h>
#include <stdint.h>

/* `own`: connections here, the one in question included; `least`: of the
 * process that has the fewest. */
bool balance_should_move(uint64_t own, uint64_t least);

#endif
