#include "process/watch_way.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"

enum { LINKS_MAX = 40 }; /* as the kernel's own (path_resolution(7)) */

struct walk {
    char at[PATH_MAX];   /* reached: absolute, without links */
    char rest[PATH_MAX]; /* still to go */
    unsigned links;
    watch_way_fn *found;
    void *arg;
};

static bool
is_last(const struct walk *walk)
{
    return walk->rest[strspn(walk->rest, "/")] == '\0';
}

/* False: there is none, or it is longer than a name can be. */
static bool
next_name(struct walk *walk, char name[NAME_MAX + 1])
{
    const char *from = walk->rest + strspn(walk->rest, "/");
    size_t length = strcspn(from, "/");

    if (length == 0 || length > NAME_MAX)
        return false;
    memcpy(name, from, length);
    name[length] = '\0';
    memmove(walk->rest, from + length, strlen(from + length) + 1);
    return true;
}

static void
go_up(struct walk *walk)
{
    char *slash = strrchr(walk->at, '/');

    slash[slash == walk->at ? 1 : 0] = '\0';
}

/* False: longer than a path can be. */
static bool
follow(struct walk *walk, const char *target)
{
    char rest[PATH_MAX];
    int length = snprintf(rest, sizeof(rest), "%s/%s", target, walk->rest);

    if (length < 0 || (size_t)length >= sizeof(rest) ||
        ++walk->links > LINKS_MAX)
        return false;
    strcpy(walk->rest, rest);
    if (*target == '/')
        strcpy(walk->at, "/");
    return true;
}

static void
tell(const struct walk *walk, enum watch_way way)
{
    walk->found(walk->arg, walk->at, way);
}

/* False: the way ends here. */
static bool
step(struct walk *walk, const char *name)
{
    char next[PATH_MAX], target[PATH_MAX];
    const char *slash = strcmp(walk->at, "/") == 0 ? "" : "/";
    int length =
        snprintf(next, sizeof(next), "%s%s%s", walk->at, slash, name);
    ssize_t got;

    if (length < 0 || (size_t)length >= sizeof(next))
        return false;
    got = readlink(next, target, sizeof(target) - 1);
    if (got >= 0) {
        target[got] = '\0';
        tell(walk, WATCH_WAY_ENTRIES);
        return follow(walk, target);
    }
    if (errno != EINVAL) {
        tell(walk, WATCH_WAY_ENTRIES);
        return false;
    }
    tell(walk, is_last(walk) ? WATCH_WAY_ENTRIES : WATCH_WAY_ITSELF);
    strcpy(walk->at, next);
    return true;
}

static bool
start(struct walk *walk, const char *path)
{
    if (strlen(path) >= sizeof(walk->rest))
        return false;
    strcpy(walk->rest, path);
    if (*path == '/')
        strcpy(walk->at, "/");
    else if (getcwd(walk->at, sizeof(walk->at)) == NULL || *walk->at != '/')
        return false;
    return true;
}

void
watch_way_walk(const char *path, watch_way_fn *found, void *arg)
{
    struct walk walk = { .found = found, .arg = arg };
    char name[NAME_MAX + 1];

    if (!start(&walk, path))
        return;
    while (next_name(&walk, name)) {
        if (strcmp(name, "..") == 0)
            go_up(&walk);
        else if (strcmp(name, ".") != 0 && !step(&walk, name))
            return;
    }
    tell(&walk, WATCH_WAY_ENTRIES);
}
