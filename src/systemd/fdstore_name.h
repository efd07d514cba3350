/*
 * What a listening socket is called while the service manager keeps it
 * (FDNAME= of sd_notify(3)): enough to know it again at the next start.
 *
 *     sallyport,INDEX,DEVICE,INODE,ADDRESS
 *
 * INDEX is the one among the sockets of its address; DEVICE and INODE, in hex,
 * are those of a unix socket's path.  ADDRESS has %XX for what a name may not
 * hold.
 */
#ifndef SYSTEMD_FDSTORE_NAME_H
#define SYSTEMD_FDSTORE_NAME_H

#include <stdbool.h>

#include "base/base.h"

struct listener_socket;

enum { STORE_NAME_SIZE = 256 }; /* with its NUL; the manager takes no more */

/* False: it would be too long. */
NODISCARD bool fdstore_name_make(
    const struct listener_socket *socket, char name[STORE_NAME_SIZE]);

/* Whether a descriptor of that name is one that we have stored, in this form or
 * one that another version had. */
bool fdstore_name_is_ours(const char *name);

/* Fills `*socket`, `fd` too, if `fd` is what the name says: a socket that
 * listens at that address, and whose path still leads to it.  False: it is not;
 * the caller still has `fd`. */
NODISCARD bool fdstore_name_read(
    const char *name, int fd, struct listener_socket *socket);

#endif
