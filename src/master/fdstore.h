/*
 * Listening sockets in the service manager's care (the file descriptor store of
 * sd_notify(3)), so that clients wait, rather than being refused, while this
 * daemon is started again after a crash or a restart.
 *
 * Every socket of our own that is in force is stored; one that is given up is
 * removed.  What .socket units pass is in the manager's care anyway.
 */
#ifndef MASTER_FDSTORE_H
#define MASTER_FDSTORE_H

#include "base/base.h"

struct activation;
struct master;

/* Takes the stored sockets out of what was passed: those that are still what
 * their names say are served again if the configuration wants them. */
void fdstore_adopt(struct master *master, struct activation *activation);

/* Stores what is in force and is not stored. */
void fdstore_fill(struct master *master);

/* The same, when the one before us may not have come to store all. */
void fdstore_refill(struct master *master);

#endif
