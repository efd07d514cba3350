#include "base/fd.h"

#include <sys/resource.h>

#include <fcntl.h>

bool
fd_is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

bool
fd_set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

bool
fd_is_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);

    return flags >= 0 && (flags & O_NONBLOCK) != 0;
}

bool
fd_set_cloexec(int fd)
{
    int flags = fcntl(fd, F_GETFD);

    return flags >= 0 && fcntl(fd, F_SETFD, flags | FD_CLOEXEC) == 0;
}

bool
fd_limit_raise(uint64_t need, uint64_t *have)
{
    struct rlimit limit, raised;

    *have = 0;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return false;
    *have = limit.rlim_cur;
    if (limit.rlim_cur >= need)
        return true;
    raised.rlim_cur = need;
    raised.rlim_max = limit.rlim_max < need ? need : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &raised) != 0) {
        *have = limit.rlim_max;
        return false;
    }
    *have = need;
    return true;
}
