#include "net/unix_path.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <unistd.h>

#include "base/address.h"

/* True if a server answers at the path, or might. */
static bool
is_served(const char *path)
{
    struct address address;
    bool gone;
    int fd;

    if (!address_from_path(&address, path))
        return true;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return true;
    gone = connect(fd, (const struct sockaddr *)&address.storage,
               address.length) < 0 &&
        errno == ECONNREFUSED;
    close(fd);
    return !gone;
}

static bool
refuse_unix_path(struct unix_path_fault *fault, const char *what,
    const char *advice)
{
    *fault = (struct unix_path_fault){ what, advice };
    return false;
}

bool
unix_path_clear(const char *path, struct unix_path_fault *fault)
{
    struct stat file;
    bool served;

    if (path[0] == '@' || lstat(path, &file) < 0)
        return true;
    served = S_ISSOCK(file.st_mode) && is_served(path);
    errno = EADDRINUSE;
    if (!S_ISSOCK(file.st_mode))
        return refuse_unix_path(fault, "the path exists and is not a socket",
            "; remove it or choose another path");
    if (served)
        return refuse_unix_path(fault,
            "the path exists and a server listens on it",
            "; stop that server or choose another path");
    if (unlink(path) < 0)
        return refuse_unix_path(fault,
            "cannot remove the socket of a dead server", "");
    return true;
}
