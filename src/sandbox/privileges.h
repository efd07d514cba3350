/*
 * The account that every process but the master runs as, and the way into it,
 * from which there is none back.
 */
#ifndef SANDBOX_PRIVILEGES_H
#define SANDBOX_PRIVILEGES_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "base/base.h"

struct error;

struct account {
    uid_t uid;
    gid_t gid;
    char *name; /* for the log */
};

/* Looks the account up, while files can still be read.  `user` and `group` are
 * names or numbers.  NULL: "sallyport", else "nobody"; and the user's own group.
 * A process without root keeps its account; asking for another is an error.
 * False: the reason is in `error`, and nothing has to be cleared. */
NODISCARD bool account_find(const char *user, const char *group,
    struct account *account, struct error *error);
void account_clear(struct account *account);

/* Whether the system knows the name, or it is a number that an account may
 * have. */
bool account_user_exists(const char *user);
bool account_group_exists(const char *group);

/* Whether the user has a group of its own: a number without an entry has none. */
bool account_user_has_group(const char *user);

/* True if children will keep groups beside the account's own, as setgroups(2) is
 * not for a process that was not started as root. */
bool privileges_keep_groups(void);

/* Becomes the account, for good: no other groups, no capabilities, none to be
 * had by execve(2) either (no_new_privs), and all of it looked at afterwards.
 * False: the process must end, for it may have given up a part. */
NODISCARD bool privileges_drop(
    const struct account *account, struct error *error);

/* Becomes the account as a service manager starts a unit with `User=`: with the
 * groups that the system's list gives it, and `more` (names or numbers).  For root
 * alone; there is no way back either.  False: the process must end. */
NODISCARD bool privileges_become(const struct account *account,
    char *const *more, size_t count, struct error *error);

#endif
