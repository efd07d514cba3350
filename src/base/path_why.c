#include "base/path_why.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* As many links as Linux follows. */
enum { LINKS_MAX = 40 };

struct walk {
    enum path_use use;
    char at[PATH_MAX];   /* absolute, without links */
    char rest[PATH_MAX]; /* of the way from there */
    unsigned links;      /* followed so far */
};

/* `known` NULL: the number has no name here. */
static const char *
name_account(const char *known, unsigned long id, char name[PATH_ACCOUNT_SIZE])
{
    if (known != NULL)
        snprintf(name, PATH_ACCOUNT_SIZE, "%s", known);
    else
        snprintf(name, PATH_ACCOUNT_SIZE, "%lu", id);
    return name;
}

const char *
path_why_user(uid_t uid, char name[PATH_ACCOUNT_SIZE])
{
    const struct passwd *entry = getpwuid(uid);

    return name_account(entry != NULL ? entry->pw_name : NULL, uid, name);
}

static const char *
name_group(gid_t gid, char name[PATH_ACCOUNT_SIZE])
{
    const struct group *entry = getgrgid(gid);

    return name_account(entry != NULL ? entry->gr_name : NULL, gid, name);
}

/* access(2) would go by the real user, which need not be the one that opens. */
static bool
may_access(const char *path, int mode)
{
    return faccessat(AT_FDCWD, path, mode, AT_EACCESS) == 0;
}

static void
say_denied(const char *path, const char *what, char text[PATH_WHY_SIZE])
{
    char user[PATH_ACCOUNT_SIZE], owner[PATH_ACCOUNT_SIZE],
        group[PATH_ACCOUNT_SIZE];
    struct stat status;

    if (stat(path, &status) != 0)
        return;
    snprintf(text, PATH_WHY_SIZE, "user %s may not %s %.512s (mode %04o, owner "
        "%s, group %s)", path_why_user(geteuid(), user), what, path,
        (unsigned)(status.st_mode & ALLPERMS),
        path_why_user(status.st_uid, owner),
        name_group(status.st_gid, group));
}

/* The modes let this user in. */
static void
say_unexplained(char text[PATH_WHY_SIZE])
{
    char user[PATH_ACCOUNT_SIZE];

    snprintf(text, PATH_WHY_SIZE, "the modes would let user %s do that, so a "
        "rule of AppArmor, SELinux or the service manager keeps it out",
        path_why_user(geteuid(), user));
}

static bool
start_walk(struct walk *walk, const char *path, enum path_use use)
{
    *walk = (struct walk){ .use = use, .at = "/" };
    if (path[0] != '/' && getcwd(walk->at, sizeof(walk->at)) == NULL)
        return false;
    return snprintf(walk->rest, sizeof(walk->rest), "%s", path) <
        (int)sizeof(walk->rest);
}

/* The next name of the way, cut off from it; "": the way has ended. */
static void
take_name(struct walk *walk, char name[NAME_MAX + 1])
{
    const char *start = walk->rest + strspn(walk->rest, "/");
    size_t length = strcspn(start, "/");
    const char *rest = start + length;

    snprintf(name, NAME_MAX + 1, "%.*s", (int)length, start);
    memmove(walk->rest, rest, strlen(rest) + 1);
}

static void
go_up(struct walk *walk)
{
    char *slash = strrchr(walk->at, '/');

    slash[slash == walk->at ? 1 : 0] = '\0';
}

/* Puts what the link at `path` leads to before the rest of the way. */
static bool
follow_link(struct walk *walk, const char *path)
{
    char target[PATH_MAX], rest[PATH_MAX];
    ssize_t length = readlink(path, target, sizeof(target) - 1);
    int size;

    if (length < 0 || ++walk->links > LINKS_MAX)
        return false;
    target[length] = '\0';
    size = snprintf(rest, sizeof(rest), "%s/%s", target, walk->rest);
    if (size >= (int)sizeof(rest))
        return false;
    memcpy(walk->rest, rest, (size_t)size + 1);
    if (target[0] == '/')
        strcpy(walk->at, "/");
    return true;
}

/* One step down, or along a link.  False: the way ends here, and is told if a
 * file was to be made. */
static bool
go_down(struct walk *walk, const char *name, char text[PATH_WHY_SIZE])
{
    char path[PATH_MAX];
    struct stat status;
    int size = snprintf(path, sizeof(path), "%s/%s",
        strcmp(walk->at, "/") == 0 ? "" : walk->at, name);

    if (size >= (int)sizeof(path))
        return false;
    if (lstat(path, &status) != 0) {
        if (errno == ENOENT && walk->use == PATH_WRITE &&
            !may_access(walk->at, W_OK))
            say_denied(walk->at, "make a file in", text);
        return false;
    }
    if (S_ISLNK(status.st_mode))
        return follow_link(walk, path);
    memcpy(walk->at, path, (size_t)size + 1);
    return true;
}

/* The whole way is open up to its end. */
static void
say_end(const struct walk *walk, char text[PATH_WHY_SIZE])
{
    bool reads = walk->use == PATH_READ;

    if (may_access(walk->at, reads ? R_OK : W_OK))
        say_unexplained(text);
    else
        say_denied(walk->at, reads ? "read" : "write to", text);
}

/* Leaves `text` as it is where the way cannot be followed. */
static void
explain_denied(const char *path, enum path_use use, char text[PATH_WHY_SIZE])
{
    char name[NAME_MAX + 1];
    struct walk walk;

    if (!start_walk(&walk, path, use))
        return;
    for (take_name(&walk, name); name[0] != '\0'; take_name(&walk, name)) {
        if (!may_access(walk.at, X_OK)) {
            say_denied(walk.at, "enter", text);
            return;
        }
        if (strcmp(name, "..") == 0)
            go_up(&walk);
        else if (strcmp(name, ".") != 0 && !go_down(&walk, name, text))
            return;
    }
    say_end(&walk, text);
}

const char *
path_why(const char *path, enum path_use use, int why,
    char text[PATH_WHY_SIZE])
{
    char reason[PATH_WHY_SIZE] = "";

    if (why == EACCES)
        explain_denied(path, use, reason);
    snprintf(text, PATH_WHY_SIZE, "%s%s%.900s", strerror(why),
        reason[0] != '\0' ? ": " : "", reason);
    return text;
}
