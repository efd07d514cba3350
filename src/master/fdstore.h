/*
 * Listening sockets in the service manager's care (the file descriptor store of
 * sd_notify(3)), so that clients wait, rather than being refused, while this
 * daemon is started again after a crash or a restart.
 *
 * Every socket of our own that serves is stored; one that is given up is
 * removed.  What .socket units pass is in the manager's care anyway.
 */
#ifndef MASTER_FDSTORE_H
#define MASTER_FDSTORE_H

#include "base/base.h"

struct activation;
struct listen_table;
struct notify;

/* Both are borrowed. */
struct fdstore {
    struct notify *notify;
    struct listen_table *sockets;
};

/* Takes the stored sockets out of what was passed: those that are still what
 * their names say are served again if the configuration wants them. */
void fdstore_adopt(struct fdstore *fdstore, struct activation *activation);

/* Stores the sockets that serve and are not stored. */
void fdstore_fill(struct fdstore *fdstore);

/* The same for every socket that serves: the predecessor of an upgrade may have
 * ended before it had stored them. */
void fdstore_refill(struct fdstore *fdstore);

#endif
