#include "net/listener_rights.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "config/config_fault.h"
#include "net/listener_socket.h"

enum { SECTION_SIZE = 128 };

static const char cannot_set_owner[] = "cannot set listen.owner";
static const char cannot_set_group[] = "cannot set listen.group";

/* What chown(2) is told; -1 leaves it as it is. */
struct file_owner {
    uid_t uid;
    gid_t gid;
};

bool
listener_rights_find_owner(const char *owner, uid_t *uid, gid_t *gid)
{
    const char *colon = strchr(owner, ':');
    char *user = colon ? strndup(owner, (size_t)(colon - owner)) : strdup(owner);
    const struct passwd *passwd = user != NULL ? getpwnam(user) : NULL;

    free(user);
    errno = ENOENT;
    if (passwd == NULL)
        return false;
    *uid = passwd->pw_uid;
    *gid = passwd->pw_gid;
    return colon == NULL || listener_rights_find_group(colon + 1, gid);
}

bool
listener_rights_find_group(const char *name, gid_t *gid)
{
    const struct group *group = getgrnam(name);

    errno = ENOENT;
    if (group == NULL)
        return false;
    *gid = group->gr_gid;
    return true;
}

/* NULL: found; else what is wrong, and errno says why. */
static const char *
find_file_owner(const struct leg_config *leg, struct file_owner *found)
{
    *found = (struct file_owner){ (uid_t)-1, (gid_t)-1 };
    if (leg->owner != NULL && !listener_rights_find_owner(
            leg->owner, &found->uid, &found->gid))
        return cannot_set_owner;
    if (leg->group != NULL &&
        !listener_rights_find_group(leg->group, &found->gid))
        return cannot_set_group;
    return NULL;
}

/* Uses a descriptor, so that the file changed is the file that was checked: by
 * the path, another user of the folder could put a link in its place. */
static const char *
set_rights_of(int fd, const struct leg_config *leg)
{
    struct file_owner owner;
    const char *problem;
    char path[32];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (chmod(path, leg->mode) < 0)
        return "cannot set listen.mode";
    problem = find_file_owner(leg, &owner);
    if (problem != NULL || (leg->owner == NULL && leg->group == NULL))
        return problem;
    if (chown(path, owner.uid, owner.gid) == 0)
        return NULL;
    return leg->owner != NULL ? cannot_set_owner : cannot_set_group;
}

const char *
listener_rights_set(
    const struct listener_socket *socket, const struct leg_config *leg)
{
    const char *problem = NULL;
    struct stat file;
    int fd, why;

    if (socket->path == NULL)
        return NULL;
    fd = open(socket->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    if (fstat(fd, &file) == 0 && S_ISSOCK(file.st_mode) &&
        file.st_dev == socket->device && file.st_ino == socket->inode)
        problem = set_rights_of(fd, leg);
    why = errno;
    close(fd);
    errno = why;
    return problem;
}

/* chown(2): a file's owner may give it to a group that its process is in. */
static const char *
advice_on_rights(const char *problem, int why)
{
    bool of_group = problem == cannot_set_group;

    if (why == ENOENT)
        return of_group ? "; it takes a group of this machine"
                        : "; it takes USER or USER:GROUP of this machine";
    if (why != EPERM)
        return "";
    return of_group
        ? "; without root the daemon's user must be in that group: usermod -aG "
          "GROUP USER, and a restart"
        : "; without root it can only be the daemon's own user, and a group "
          "which that is in: listen.group";
}

static void
report_rights(const char *service, const struct endpoint *endpoint,
    const char *problem, struct error *error)
{
    char section[SECTION_SIZE];
    int why = errno;

    snprintf(section, sizeof(section), "service %s", service);
    config_fault_add(error, &endpoint->origin, section, "listen",
        "%s: %s: %s%s", endpoint->text, problem, strerror(why),
        advice_on_rights(problem, why));
}

bool
listener_rights_give(const char *service, const struct endpoint *endpoint,
    const struct leg_config *leg, const struct listener_socket *socket,
    struct error *error)
{
    const char *problem = listener_rights_set(socket, leg);

    if (problem != NULL)
        report_rights(service, endpoint, problem, error);
    return problem == NULL;
}

bool
listener_rights_are_known(const char *service, const struct endpoint *endpoint,
    const struct leg_config *leg, struct error *error)
{
    struct file_owner owner;
    const char *problem = find_file_owner(leg, &owner);

    if (problem != NULL)
        report_rights(service, endpoint, problem, error);
    return problem == NULL;
}
