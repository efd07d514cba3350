/*
 * Memory for libevent's small blocks, apart from everybody else's.
 *
 * libevent keeps a block of a few dozen bytes for each descriptor number it has
 * ever seen.  Strewn among the connections' own memory these would keep nearly
 * every page of it from being given back after a rush.
 */
#ifndef NET_LOOP_MEMORY_H
#define NET_LOOP_MEMORY_H

/* To be called before anything else of libevent; again is harmless. */
void loop_memory_install(void);

#endif
