#include "base/log_sink.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/address.h"
#include "base/error.h"
#include "base/path_why.h"

enum { FILE_MODE = 0640 };

static bool
is_journal_stream(const struct stat *status)
{
    const char *named = getenv("JOURNAL_STREAM");
    char own[64];

    snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)status->st_dev,
        (uintmax_t)status->st_ino);
    return named != NULL && strcmp(named, own) == 0;
}

static void
judge_stderr(struct log_sink *sink, const struct stat *status)
{
    sink->dress = is_journal_stream(status) ? LOG_DRESS_PRIORITY :
        LOG_DRESS_TIME;
    sink->regular = S_ISREG(status->st_mode);
    sink->way = S_ISSOCK(status->st_mode) ? LOG_WAY_SEND :
        S_ISREG(status->st_mode) ? LOG_WAY_WRITE : LOG_WAY_POLL;
}

/*
 * Standard error is shared with our parent process, so it must not be made
 * non-blocking.  Pipes and terminals can be opened a second time for ourselves;
 * where that is not allowed poll(2) is asked, which is right as long as no
 * other process fills the pipe in between.
 */
static bool
open_stderr(struct log_sink *sink, struct error *error)
{
    struct stat status;
    int own;

    if (fstat(STDERR_FILENO, &status) != 0) {
        error_add(error, "cannot log to standard error: %s", strerror(errno));
        return false;
    }
    sink->fd = STDERR_FILENO;
    judge_stderr(sink, &status);
    if (sink->way != LOG_WAY_POLL)
        return true;
    own = open("/proc/self/fd/2",
        O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (own >= 0) {
        sink->fd = own;
        sink->way = LOG_WAY_WRITE;
    }
    return true;
}

/* On Debian the group adm reads logs.  Where it is not there, or only root could
 * name it, the file keeps its own group. */
static void
share_new_file(int fd)
{
    const struct group *readers = getgrnam("adm");

    if (readers != NULL)
        (void)!fchown(fd, (uid_t)-1, readers->gr_gid);
    (void)fchmod(fd, FILE_MODE);
}

/* O_NONBLOCK is for paths that turn out to be a FIFO or a terminal.  What is there
 * already keeps its mode and group; a link that leads nowhere yet is not new. */
static int
open_or_make(const char *path)
{
    int flags = O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY |
        O_CLOEXEC;
    int fd = open(path, flags | O_EXCL, 0600);

    if (fd >= 0)
        share_new_file(fd);
    else if (errno == EEXIST)
        fd = open(path, flags, FILE_MODE);
    return fd;
}

static bool
open_file(struct log_sink *sink, struct error *error)
{
    char why[PATH_WHY_SIZE];
    struct stat status;

    sink->fd = open_or_make(sink->path);
    sink->dress = LOG_DRESS_TIME;
    sink->way = LOG_WAY_WRITE;
    if (sink->fd < 0)
        error_add(error, "cannot open log file %s: %s", sink->path,
            path_why(sink->path, PATH_WRITE, errno, why));
    sink->regular = sink->fd >= 0 && fstat(sink->fd, &status) == 0 &&
        S_ISREG(status.st_mode);
    return sink->fd >= 0;
}

static bool
connect_log_socket(const struct log_sink *sink)
{
    struct address address;

    if (!address_from_path(&address, sink->path)) {
        errno = ENAMETOOLONG;
        return false;
    }
    return connect(sink->fd, (const struct sockaddr *)&address.storage,
        address.length) == 0;
}

static bool
open_log_socket(struct log_sink *sink, struct error *error)
{
    sink->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sink->dress = sink->target == LOG_JOURNAL ? LOG_DRESS_JOURNAL :
        LOG_DRESS_SYSLOG;
    sink->way = LOG_WAY_DATAGRAM;
    if (sink->fd >= 0 && connect_log_socket(sink))
        return true;
    error_add(error, "cannot log to %s: %s", sink->path, strerror(errno));
    return false;
}

bool
log_sink_open(struct log_sink *sink, enum log_target target, const char *path,
    struct error *error)
{
    static const struct {
        const char *path;
        bool (*open)(struct log_sink *sink, struct error *error);
    } targets[] = {
        [LOG_STDERR] = { NULL, open_stderr },
        [LOG_FILE] = { NULL, open_file },
        [LOG_SYSLOG] = { "/dev/log", open_log_socket },
        [LOG_JOURNAL] = { "/run/systemd/journal/socket", open_log_socket },
    };
    struct log_sink made = { .fd = -1, .target = target };

    assert(path != NULL || target != LOG_FILE);
    if (path == NULL)
        path = targets[target].path;
    if (target != LOG_STDERR && (made.path = strdup(path)) == NULL) {
        error_add(error, "cannot open the log: %s", strerror(errno));
        return false;
    }
    if (!targets[target].open(&made, error)) {
        log_sink_close(&made);
        return false;
    }
    *sink = made;
    return true;
}

static bool
is_writable(int fd)
{
    struct pollfd wanted = { .fd = fd, .events = POLLOUT };

    return poll(&wanted, 1, 0) == 1 && (wanted.revents & POLLOUT) != 0;
}

static ssize_t
write_once(const struct log_sink *sink, struct iovec *parts, size_t count)
{
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = count };

    if (sink->way >= LOG_WAY_SEND)
        return sendmsg(sink->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sink->way == LOG_WAY_POLL && !is_writable(sink->fd)) {
        errno = EAGAIN;
        return -1;
    }
    return writev(sink->fd, parts, (int)count);
}

static ssize_t
write_retrying(const struct log_sink *sink, struct iovec *parts, size_t count)
{
    ssize_t written;

    do
        written = write_once(sink, parts, count);
    while (written < 0 && errno == EINTR);
    return written;
}

bool
log_sink_write(struct log_sink *sink, struct iovec *parts, size_t count)
{
    ssize_t written = write_retrying(sink, parts, count);
    size_t whole = 0;

    /* A syslogd that was restarted listens on a new socket of the old name. */
    if (written < 0 && sink->way == LOG_WAY_DATAGRAM && errno != EAGAIN &&
        errno != EMSGSIZE && connect_log_socket(sink))
        written = write_retrying(sink, parts, count);

    sink->written = written > 0 ? (size_t)written : 0;
    if (written < 0)
        return false;
    for (size_t i = 0; i < count; i++)
        whole += parts[i].iov_len;
    if (written > 0)
        sink->torn = (size_t)written < whole;
    return (size_t)written == whole;
}

void
log_sink_close(struct log_sink *sink)
{
    if (sink->fd >= 0 && sink->fd != STDERR_FILENO)
        close(sink->fd);
    free(sink->path);
    sink->path = NULL;
    sink->fd = -1;
}
