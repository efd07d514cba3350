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

/* A process is handed every second one of the connections accepted here, and so
 * many more when few have come to it. */
enum { BALANCE_BURST = 16 };

/* Whether a process may be handed the connection that is number `accepted` of
 * those accepted here, from 1 on; counts it if so.  A process that has been taken
 * over claims to have none, and is not to draw all clients to itself.  `drawn`:
 * kept for that process, 0 at first. */
bool balance_draw(uint64_t *drawn, uint64_t accepted);

#endif
