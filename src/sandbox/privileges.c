#include "sandbox/privileges.h"

#include <sys/prctl.h>

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/number.h"
#include "sandbox/capabilities.h"

/* The highest id is -1, which setresuid(2) takes for "leave it". */
#define ID_MAX (UINT32_MAX - 1)

/* Of a unit's user. */
enum { GROUPS_MAX = 256 };

static bool
parse_id(const char *text, uint32_t *id)
{
    uint64_t number;

    if (!number_parse(text, &number) || number > ID_MAX)
        return false;
    *id = (uint32_t)number;
    return true;
}

/* getpwnam(3) and its like return NULL for both. */
static void
add_unknown(struct error *error, const char *kind, const char *name, int code)
{
    if (code == 0 || code == ENOENT || code == ESRCH)
        error_add(error, "there is no %s %s", kind, name);
    else
        error_add(error, "cannot look up %s %s: %s", kind, name,
            strerror(code));
}

/* A user by name or number; `*gid` is left alone if a number has no entry.
 * False: errno, 0 if there is no such user. */
static bool
find_user(const char *name, uid_t *uid, gid_t *gid)
{
    const struct passwd *entry;

    errno = 0;
    entry = getpwnam(name);
    if (entry == NULL && parse_id(name, uid)) {
        entry = getpwuid(*uid);
        if (entry == NULL)
            return true;
    }
    if (entry == NULL)
        return false;
    *uid = entry->pw_uid;
    *gid = entry->pw_gid;
    return true;
}

static bool
find_group(const char *name, gid_t *gid)
{
    const struct group *entry;

    errno = 0;
    entry = getgrnam(name);
    if (entry != NULL)
        *gid = entry->gr_gid;
    return entry != NULL || parse_id(name, gid);
}

bool
account_user_exists(const char *user)
{
    uid_t uid;
    gid_t gid;

    return find_user(user, &uid, &gid);
}

bool
account_group_exists(const char *group)
{
    gid_t gid;

    return find_group(group, &gid);
}

bool
account_user_has_group(const char *user)
{
    const gid_t none = (gid_t)-1;
    gid_t gid = none;
    uid_t uid;

    return find_user(user, &uid, &gid) && gid != none;
}

static bool
keep_account_name(
    struct account *account, const char *name, struct error *error)
{
    account->name = strdup(name);
    if (account->name == NULL)
        error_add(error, "cannot keep the account: out of memory");
    return account->name != NULL;
}

static bool
find_other(const char *user, const char *group, struct account *account,
    struct error *error)
{
    const gid_t none = (gid_t)-1;
    gid_t gid = none;

    if (user == NULL)
        user = find_user("sallyport", &account->uid, &gid) ? "sallyport" :
            "nobody";
    if (!find_user(user, &account->uid, &gid)) {
        add_unknown(error, "user", user, errno);
        return false;
    }
    if (group != NULL && !find_group(group, &gid)) {
        add_unknown(error, "group", group, errno);
        return false;
    }
    if (gid == none) {
        error_add(error, "user %s has no entry among the system's users, so "
            "`group` must be set too", user);
        return false;
    }
    account->gid = gid;
    return keep_account_name(account, user, error);
}

/* The account of a process without root, which cannot take on another. */
static bool
find_own(const char *user, const char *group, struct account *account,
    struct error *error)
{
    uid_t uid = geteuid();
    gid_t gid = getegid(), ignored;
    const struct passwd *entry = getpwuid(uid);
    char number[16];

    snprintf(number, sizeof(number), "%lu", (unsigned long)uid);
    account->uid = uid;
    account->gid = gid;
    if (!keep_account_name(account, entry != NULL ? entry->pw_name : number,
            error))
        return false;
    if (user != NULL && (!find_user(user, &uid, &ignored) ||
        uid != account->uid)) {
        error_add(error, "cannot run as user %s: only root could, and this was "
            "started by %s", user, account->name);
        return false;
    }
    if (group != NULL && (!find_group(group, &gid) || gid != account->gid)) {
        error_add(error, "cannot run as group %s: only root could, and this "
            "was started by %s of group %lu", group, account->name,
            (unsigned long)account->gid);
        return false;
    }
    return true;
}

bool
account_find(const char *user, const char *group, struct account *account,
    struct error *error)
{
    bool found;

    *account = (struct account){ .name = NULL };
    found = geteuid() == 0 ? find_other(user, group, account, error)
                           : find_own(user, group, account, error);
    if (!found)
        account_clear(account);
    return found;
}

void
account_clear(struct account *account)
{
    free(account->name);
    account->name = NULL;
}

bool
privileges_keep_groups(void)
{
    gid_t groups[64];
    int count = getgroups(COUNT(groups), groups);

    if (geteuid() == 0)
        return false;
    for (int i = 0; i < count; i++)
        if (groups[i] != getegid())
            return true;
    return count < 0; /* more than that */
}

static bool
fail_to_become(const struct account *account, const char *what,
    struct error *error)
{
    error_add(error, "cannot become user %s: %s: %s", account->name, what,
        strerror(errno));
    return false;
}

/* A container may forbid setgroups(2); that is no harm if there are none. */
static bool
drop_groups(const struct account *account, struct error *error)
{
    return geteuid() != 0 || setgroups(0, NULL) == 0 ||
        getgroups(0, NULL) == 0 ||
        fail_to_become(account, "setgroups", error);
}

static bool
set_ids(const struct account *account, struct error *error)
{
    if (setresgid(account->gid, account->gid, account->gid) != 0)
        return fail_to_become(account, "setresgid", error);
    if (setresuid(account->uid, account->uid, account->uid) != 0)
        return fail_to_become(account, "setresuid", error);
    return true;
}

static bool
has_ids(const struct account *account)
{
    uid_t real, effective, saved;
    gid_t real_group, effective_group, saved_group;

    return getresuid(&real, &effective, &saved) == 0 &&
        getresgid(&real_group, &effective_group, &saved_group) == 0 &&
        real == account->uid && effective == account->uid &&
        saved == account->uid && real_group == account->gid &&
        effective_group == account->gid && saved_group == account->gid;
}

static bool
verify_privileges_dropped(const struct account *account, bool was_root,
    struct error *error)
{
    const char *fault = NULL;

    if (!has_ids(account))
        fault = "the ids are others";
    else if (was_root && getgroups(0, NULL) != 0)
        fault = "groups are left";
    else if (account->uid != 0 && (setuid(0) == 0 || seteuid(0) == 0))
        fault = "there is a way back to root";
    else if (capabilities_beyond(0))
        fault = "capabilities are left";
    else if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        fault = "no_new_privs is not set";
    if (fault != NULL)
        error_add(error, "cannot become user %s: afterwards %s", account->name,
            fault);
    return fault == NULL;
}

bool
privileges_drop(const struct account *account, struct error *error)
{
    bool was_root = geteuid() == 0;

    /* The bounding set first: dropping from it takes a capability.  Root loses
     * its own by becoming another user; a process that stays root, or was given
     * ambient ones (AmbientCapabilities= of systemd.exec(5)), does not. */
    if (!capabilities_bound(0))
        return fail_to_become(account, "the bounding set", error);
    if (!drop_groups(account, error) || !set_ids(account, error))
        return false;
    if (!capabilities_limit(0))
        return fail_to_become(account, "capset", error);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return fail_to_become(account, "no_new_privs", error);
    return verify_privileges_dropped(account, was_root, error);
}

/* False: there is no such group. */
static bool
add_groups(char *const *more, size_t count, gid_t *groups, size_t *used,
    struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        if (*used < GROUPS_MAX && find_group(more[i], &groups[*used])) {
            (*used)++;
            continue;
        }
        add_unknown(error, "group", more[i], errno);
        return false;
    }
    return true;
}

bool
privileges_become(const struct account *account, char *const *more,
    size_t count, struct error *error)
{
    gid_t groups[GROUPS_MAX];
    int listed = COUNT(groups);
    size_t used;

    if (getgrouplist(account->name, account->gid, groups, &listed) < 0)
        listed = 0; /* more than a unit of ours has */
    used = (size_t)listed;
    if (!add_groups(more, count, groups, &used, error))
        return false;
    if (setgroups(used, groups) != 0)
        return fail_to_become(account, "setgroups", error);
    return set_ids(account, error);
}
