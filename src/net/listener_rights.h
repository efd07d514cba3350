/*
 * Mode, owner and group of a unix socket's path: which users may connect.
 */
#ifndef NET_LISTENER_RIGHTS_H
#define NET_LISTENER_RIGHTS_H

#include <sys/types.h>

#include <stdbool.h>

#include "base/base.h"

struct endpoint;
struct error;
struct leg_config;
struct listener_socket;

/* Look up USER[:GROUP] and GROUP, by name; without GROUP it is the user's own.
 * They ask the system's databases, and may block.  False: this machine does not
 * know it. */
NODISCARD bool listener_rights_find_owner(
    const char *owner, uid_t *uid, gid_t *gid);
NODISCARD bool listener_rights_find_group(const char *name, gid_t *gid);

/* Gives the file of a socket what its leg asks for.  A file that is not this
 * socket's any more is left alone.  NULL: done; else what is wrong, and errno
 * says why. */
NODISCARD const char *listener_rights_set(
    const struct listener_socket *socket, const struct leg_config *leg);

/* The same for one that was just made, by a process with the right to.  False:
 * the fault is in `error`, with the place of the endpoint. */
bool listener_rights_give(const char *service,
    const struct endpoint *endpoint, const struct leg_config *leg,
    const struct listener_socket *socket, struct error *error);

/* Whether it could be given to the leg's owner and group later, as far as that
 * is known.  False: the fault is in `error`. */
bool listener_rights_are_known(const char *service,
    const struct endpoint *endpoint, const struct leg_config *leg,
    struct error *error);

#endif
