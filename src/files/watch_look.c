#include "files/watch_look.h"

#include <event2/event.h>
#include <sys/prctl.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/process.h"
#include "files/watch_stamp.h"

struct watch_look {
    int fd; /* of a pipe, on which the stamps come */
    struct event *readable;
    watch_look_ended_fn *ended;
    void *arg;
    size_t bytes; /* that have come */
    size_t wanted;
    uint64_t stamps[];
};

/* Without the master's descriptors: a listening socket that is open here would
 * go on taking clients after the master has closed it.  SIGALRM kills; a process
 * that NFS holds up ends by that too. */
static void
become_looker(int fd, unsigned seconds)
{
    sigset_t alarms;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)prctl(PR_SET_NAME, "sallyport-look");
    (void)signal(SIGALRM, SIG_DFL);
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM);
    (void)sigprocmask(SIG_UNBLOCK, &alarms, NULL);
    alarm(seconds);
    if (dup2(fd, STDIN_FILENO) < 0)
        _exit(EXIT_FAILURE);
    (void)close_range(STDIN_FILENO + 1, ~0U, 0);
}

static _Noreturn void
look_at_all(char *const *paths, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t stamp = watch_stamp(paths[i]);

        if (write(STDIN_FILENO, &stamp, sizeof(stamp)) !=
            (ssize_t)sizeof(stamp))
            _exit(EXIT_FAILURE);
    }
    _exit(EXIT_SUCCESS);
}

/* All signals but the alarm stay blocked in the child. */
static pid_t
fork_looker(int fd, char *const *paths, size_t count, unsigned seconds)
{
    pid_t pid = process_fork();

    if (pid == 0) {
        become_looker(fd, seconds);
        look_at_all(paths, count);
    }
    return pid;
}

static void
on_stamps(evutil_socket_t fd, short what, void *arg)
{
    struct watch_look *look = arg;
    ssize_t got = 0;

    (void)what;
    while (look->bytes < look->wanted) {
        got = read(fd, (char *)look->stamps + look->bytes,
            look->wanted - look->bytes);
        if (got <= 0)
            break;
        look->bytes += (size_t)got;
    }
    if (look->bytes < look->wanted && got < 0 && errno == EAGAIN)
        return;
    event_del(look->readable);
    look->ended(look, look->arg); /* last: it may free */
}

static struct watch_look *
new_look(struct event_base *base, int fd, size_t count)
{
    size_t wanted = count * sizeof(uint64_t);
    struct watch_look *look = malloc(sizeof(*look) + wanted);

    if (look == NULL)
        return NULL;
    *look = (struct watch_look){ .fd = fd, .wanted = wanted };
    look->readable =
        event_new(base, fd, EV_READ | EV_PERSIST, on_stamps, look);
    if (look->readable != NULL && event_add(look->readable, NULL) == 0)
        return look;
    if (look->readable != NULL)
        event_free(look->readable);
    free(look);
    errno = ENOMEM;
    return NULL;
}

struct watch_look *
watch_look_start(struct event_base *base, char *const *paths, size_t count,
    unsigned seconds, watch_look_ended_fn *ended, void *arg)
{
    struct watch_look *look;
    int fds[2], why;

    if (pipe2(fds, O_CLOEXEC) < 0)
        return NULL;
    (void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
    look = new_look(base, fds[0], count);
    if (look == NULL) {
        close(fds[0]);
    } else {
        look->ended = ended;
        look->arg = arg;
        if (fork_looker(fds[1], paths, count, seconds) < 0) {
            why = errno;
            watch_look_free(look);
            errno = why;
            look = NULL;
        }
    }
    why = errno;
    close(fds[1]);
    errno = why;
    return look;
}

void
watch_look_free(struct watch_look *look)
{
    if (look == NULL)
        return;
    event_free(look->readable);
    close(look->fd);
    free(look);
}

size_t
watch_look_stamps(
    const struct watch_look *look, const uint64_t **stamps)
{
    *stamps = look->stamps;
    return look->bytes / sizeof(uint64_t);
}
