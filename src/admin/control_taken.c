#include "admin/control_taken.h"

#include <sys/socket.h>

#include <unistd.h>

#include "base/address.h"
#include "base/error.h"
#include "base/path_why.h"

/* A daemon that does not accept any more is not waited for. */
static bool
find_server(const char *path, struct ucred *server)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t length = sizeof(*server);
    struct address address;
    bool found;

    if (fd < 0)
        return false;
    found = address_from_path(&address, path) &&
        connect(fd, (const struct sockaddr *)&address.storage,
            address.length) == 0 &&
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, server, &length) == 0;
    close(fd);
    return found;
}

bool
control_is_taken(const char *path, struct error *error)
{
    char user[PATH_ACCOUNT_SIZE];
    struct ucred server;

    if (!find_server(path, &server))
        return false;
    error_add(error, "control: a daemon is running with this control socket "
        "already (pid %d, user %s); ask it with: sallyport status -s %s",
        (int)server.pid, path_why_user(server.uid, user), path);
    return true;
}
