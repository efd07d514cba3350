#include "net/listener_revive.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"
#include "base/error.h"
#include "net/listener_bind.h"

static const char unix_prefix[] = "unix:";

/* A socket that listens is readable at most: poll(2). */
bool
listener_find_dead(const int *fds, size_t count, bool *dead)
{
    struct pollfd *looks = calloc(count + 1, sizeof(*looks));

    if (looks == NULL)
        return false;
    for (size_t i = 0; i < count; i++)
        looks[i] = (struct pollfd){ .fd = fds[i], .events = POLLRDHUP };
    if (poll(looks, count, 0) < 0) {
        free(looks);
        return false;
    }
    for (size_t i = 0; i < count; i++)
        dead[i] = looks[i].revents != 0;
    free(looks);
    return true;
}

/* Another program may have put its own socket there meanwhile. */
static bool
clear_own_path(const struct listener_socket *socket)
{
    struct stat now;

    if (socket->path == NULL)
        return true;
    if (lstat(socket->path, &now) < 0)
        return errno == ENOENT;
    errno = EADDRINUSE;
    return now.st_dev == socket->device && now.st_ino == socket->inode &&
        unlink(socket->path) == 0;
}

static bool
note_revived_path(struct listener_socket *socket)
{
    struct stat made;

    if (socket->path == NULL)
        return true;
    if (lstat(socket->path, &made) < 0)
        return false;
    socket->device = made.st_dev;
    socket->inode = made.st_ino;
    return true;
}

/* An abstract name is free when the last descriptor of its socket is closed, so
 * ours goes first.  What is there then is as dead, and can be tried again. */
static bool
bind_path_anew(struct listener_socket *listener)
{
    struct address address;
    bool made;
    int fd;

    if (!address_from_path(
            &address, listener->text + strlen(unix_prefix)) ||
        !clear_own_path(listener))
        return false;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    made = dup3(fd, listener->fd, O_CLOEXEC) >= 0;
    close(fd);
    return made &&
        bind(listener->fd, (const struct sockaddr *)&address.storage,
            address.length) == 0 &&
        note_revived_path(listener);
}

bool
listener_revive(struct listener_socket *socket, const struct leg_config *leg,
    struct error *error)
{
    bool is_path =
        strncmp(socket->text, unix_prefix, strlen(unix_prefix)) == 0;
    bool dead = true;

    if (is_path && !bind_path_anew(socket)) {
        error_add(error, "cannot bind it again: %s", strerror(errno));
        return false;
    }
    listener_refresh(socket, leg, error); /* which listens */
    if (listener_find_dead(&socket->fd, 1, &dead) && !dead)
        return true;
    error_add(error, "it does not listen after listen(2): only a restart of "
        "what made it can help");
    return false;
}
