/*
 * The inside of the fleet, for the files that make it up: fleet.c (which posts
 * are filled), fleet_start.c (their processes), fleet_ways.c (the ways from one
 * to another) and fleet_relief.c (workers that take another's post).
 */
#ifndef PROCESS_FLEET_PARTS_H
#define PROCESS_FLEET_PARTS_H

#include "process/fleet.h"

void fleet_close_inbox(struct inbox *inbox);

/* Which keeper signs for the worker. */
unsigned fleet_keeper_of(const struct child *worker);

/* The others hand it no connections any more. */
void fleet_forget_inbox(struct fleet *fleet, const struct child *worker);

/* It finishes what it has, and ends.  Those that stay take over its sockets,
 * and its inbox is read until it ends, so nothing that was accepted or queued
 * is lost.  `generation`: what the others switch to, for which it is waited
 * until it accepts nobody any more; 0: it is not. */
void fleet_send_home(struct child *worker, uint64_t generation);

/* True if who takes the post now must never have to be relieved: as many as may
 * be of those who were there before still have connections. */
bool fleet_must_end_reliefs(const struct post *post);

/* It has ended before its post was taken: its inbox is for who follows. */
void fleet_forget_relief(struct fleet *fleet, const struct child *worker);

#endif
