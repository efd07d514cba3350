#include "master/upgrade_internal.h"

#include <event2/event.h>
#include <sys/socket.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/number.h"
#include "ipc/channel.h"
#include "ipc/message_socket.h"
#include "master/child.h"
#include "master/supervisor.h"
#include "net/listen_table.h"
#include "systemd/notify.h"
#include "tls/tls_secret.h"

static const struct timeval patience = { .tv_sec = 10 };
enum { FLUSH_MS = 1000 };

static void
on_secret(void *arg, const struct message *message, const int *fds)
{
    const struct upgrade *upgrade = arg;
    struct tls_secret *secret = upgrade->parts.secret;
    ssize_t size = (ssize_t)sizeof(secret->bytes);
    int fd = fds[0];

    (void)message;
    if (pread(fd, secret->bytes, (size_t)size, 0) != size)
        log_warn(NULL, "sessions from before the upgrade are not resumed");
    close(fd);
}

static void
take_control(
    struct upgrade *upgrade, const struct message *message, int fd)
{
    if (upgrade->control_fd >= 0)
        close(upgrade->control_fd);
    free(upgrade->control_path);
    upgrade->control_fd = fd;
    upgrade->control_path = strdup(message_socket_path(message));
}

static void
on_inherited_socket(void *arg, const struct message *message, const int *fds)
{
    struct upgrade *upgrade = arg;
    struct listen_table *sockets = upgrade->parts.supervisor->parts.sockets;
    struct listen_socket *held = NULL;
    struct listener_socket socket;
    struct socket_use use;
    int fd = fds[0];

    if (strcmp(message->text, UPGRADE_CONTROL_KEY) == 0) {
        take_control(upgrade, message, fd);
        return;
    }
    if (!message_socket_read(message, fd, &socket, &use))
        close(fd);
    else if ((held = listen_table_add(sockets, &socket)) == NULL)
        listener_socket_leave(&socket);
    if (held != NULL)
        held->serves = held->stored = !listen_socket_is_passed(held);
    else
        log_error(NULL, "a listening socket is lost: out of memory");
}

/* The predecessor has named us to the service manager, or is gone. */
static void
begin_to_speak(struct upgrade *upgrade)
{
    if (upgrade->inherits || upgrade->speaks)
        return;
    upgrade->speaks = true;
    notify_hold(upgrade->parts.notify, false);
    upgrade->parts.calls->speak(upgrade->parts.arg);
}

static void
on_kin(void *arg, const struct message *message, const int *fds)
{
    (void)fds;
    upgrade_take_kin(arg, message->payload);
}

static void
on_speak_message(void *arg, const struct message *message, const int *fds)
{
    (void)message;
    (void)fds;
    begin_to_speak(arg);
}

/* That was all. */
static void
on_inherit_prepare(void *arg, const struct message *message, const int *fds)
{
    struct upgrade *upgrade = arg;

    (void)message;
    (void)fds;
    upgrade->received = true;
    event_base_loopbreak(upgrade_base(upgrade));
}

static channel_message_fn *const handlers[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_SECRET] = on_secret,
    [MESSAGE_SOCKET] = on_inherited_socket,
    [MESSAGE_KIN] = on_kin,
    [MESSAGE_PREPARE] = on_inherit_prepare,
    [MESSAGE_SPEAK] = on_speak_message,
};

/* The sockets are here, and nothing else serves them.  (A predecessor that gives
 * this process up ends it with a signal.) */
static void
go_on_alone(struct upgrade *upgrade, const char *why)
{
    log_error(NULL, "the daemon to take over from %s; this one goes on with "
        "its sockets", why);
    upgrade->inherits = false;
    upgrade->speaks = true;
    notify_hold(upgrade->parts.notify, false);
}

/* The channel stays until this master serves and the connections of the
 * predecessor have ended. */
static void
on_predecessor_channel_ended(void *arg, const char *why)
{
    struct upgrade *upgrade = arg;

    if (!upgrade->inherits)
        begin_to_speak(upgrade);
    else if (upgrade->received)
        go_on_alone(upgrade, why);
    else
        event_base_loopbreak(upgrade_base(upgrade)); /* wait_for_sockets() */
    upgrade_forget_predecessor(upgrade); /* `why` goes with it */
    upgrade->parts.calls->predecessor_gone(upgrade->parts.arg);
}

static void
on_waited_too_long(evutil_socket_t fd, short what, void *arg)
{
    struct upgrade *upgrade = arg;

    (void)fd;
    (void)what;
    channel_free(upgrade->before);
    upgrade->before = NULL;
    event_base_loopbreak(upgrade_base(upgrade));
}

static bool
wait_for_sockets(struct upgrade *upgrade, struct error *error)
{
    struct event_base *base = upgrade_base(upgrade);
    struct event *timer = evtimer_new(base, on_waited_too_long, upgrade);
    bool waits = timer != NULL && event_add(timer, &patience) == 0;

    if (waits)
        (void)event_base_dispatch(base);
    if (timer != NULL)
        event_free(timer);
    if (waits && upgrade->before != NULL &&
        !upgrade->parts.supervisor->stopping)
        return true;
    error_add(error, "the sockets of the running daemon did not come");
    return false;
}

static char *
own_program(void)
{
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path));

    return length > 0 && length < (ssize_t)sizeof(path)
        ? strndup(path, (size_t)length)
        : NULL;
}

/* The descriptor that the environment names; -1: none. */
static int
predecessor_fd(void)
{
    const char *text = getenv(UPGRADE_ENVIRONMENT);
    uint64_t fd = 0;
    bool ok = text != NULL && number_parse(text, &fd) && fd > 2 &&
        fd < INT_MAX && channel_leads_to_parent((int)fd) &&
        fd_set_cloexec((int)fd) && fd_set_nonblocking((int)fd);

    (void)unsetenv(UPGRADE_ENVIRONMENT);
    return ok ? (int)fd : -1;
}

void
upgrade_init(struct upgrade *upgrade, const struct upgrade_parts *parts)
{
    *upgrade = (struct upgrade){
        .parts = *parts,
        .program = own_program(),
        .fd = predecessor_fd(),
        .control_fd = -1,
    };
    upgrade->inherits = upgrade->fd >= 0;
}

bool
upgrade_inherit(struct upgrade *upgrade, struct error *error)
{
    if (upgrade->fd < 0)
        return true;
    notify_hold(upgrade->parts.notify, true);
    upgrade->before = channel_new(upgrade_base(upgrade), upgrade->fd,
        ROLE_SUCCESSOR, ROLE_MASTER, handlers, on_predecessor_channel_ended,
        upgrade);
    if (upgrade->before == NULL) {
        error_no_memory(error);
        return false;
    }
    upgrade->fd = -1;
    return wait_for_sockets(upgrade, error);
}

int
upgrade_inherited_control(struct upgrade *upgrade, const char *path)
{
    int fd = upgrade->control_fd;

    upgrade->control_fd = -1;
    if (fd < 0 || (path != NULL && upgrade->control_path != NULL &&
        strcmp(path, upgrade->control_path) == 0))
        return fd;
    close(fd);
    return -1;
}

bool
upgrade_report(struct upgrade *upgrade)
{
    if (upgrade->before == NULL)
        return false;
    log_info(NULL, "taken over from pid %d", (int)getppid());
    channel_send(upgrade->before, MESSAGE_READY, NULL, NULL, 0, NULL, 0);
    if (!channel_flush(upgrade->before, FLUSH_MS))
        log_warn(NULL, "cannot send the daemon before this one that it is to stop");
    upgrade->inherits = false;
    return true;
}
