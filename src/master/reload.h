/*
 * A new configuration in the place of the one in force, as the operator asks
 * for it, and what the log says of it.
 */
#ifndef MASTER_RELOAD_H
#define MASTER_RELOAD_H

struct master;

/* Begins a reload, or notes that another is wanted after what is under way.
 * The requests that wait for one are answered when it has ended. */
void master_reload(struct master *master);

/* Something that a reload had to wait for has ended. */
void reload_if_asked(struct master *master);

/* Logs where clients are let in that were not before. */
void master_note_sockets(struct master *master);

/* Has the children log where the master does now. */
void master_tell_log(struct master *master);

#endif
