/*
 * What the service manager's unit gives the daemon that serves a configuration
 * file: the user that it runs as, and its credentials.  So root can ask what the
 * daemon will find.
 */
#ifndef CLI_UNIT_USER_H
#define CLI_UNIT_USER_H

#include <limits.h>
#include <stdbool.h>

#include "base/base.h"
#include "base/strings.h"

struct error;
struct files;

struct unit_user {
    char unit[NAME_MAX + 1]; /* "sallyport.service" */
    char *user;              /* NULL: root */
    char *group;             /* NULL: the user's own */
    struct strings groups;   /* beside those */
    struct strings makes;    /* directories that are there once it has started */
};

/* Names the unit that would serve the configuration file at that real path: by
 * rights of the package, /etc/sallyport/sallyport.ini is that of sallyport.service,
 * and every other file there an instance's.  False: none. */
NODISCARD bool unit_user_name(const char *path, char unit[NAME_MAX + 1]);

/* Finds the unit whose ExecStart= has that file, as unit files on this machine
 * say, and what they say of its user.  False: there is none. */
NODISCARD bool unit_user_find(const char *file, struct unit_user *found);
void unit_user_clear(struct unit_user *found);

/* Reads the files that the unit's credentials will be copies of, as they would be
 * found at its start; those of a unit that runs are left to be read where they lie.
 * What cannot be read is missing then.  For root. */
void unit_user_provide(const struct unit_user *found, struct files *files);

/* Becomes the unit's user, for good.  False: the process must end. */
NODISCARD bool unit_user_become(
    const struct unit_user *found, struct error *error);

#endif
