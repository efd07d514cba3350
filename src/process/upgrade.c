#include "process/upgrade.h"

#include <event2/event.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/number.h"
#include "config/config.h"
#include "process/channel.h"
#include "process/master_parts.h"
#include "process/requests.h"
#include "process/socket_message.h"
#include "process/spawn.h"

#define ENVIRONMENT "SALLYPORT_UPGRADE"

/* In the place of a listening socket's address. */
#define CONTROL_KEY "control"

enum { WORDS_MAX = 1024, WORDS_BYTES = 128 << 10 };

static const struct timeval inherit_patience = { .tv_sec = 10 };
enum { FLUSH_MS = 1000 };

/* The new one. */

static void
take_secret(struct master *master, int fd)
{
    ssize_t size = (ssize_t)sizeof(master->secret.bytes);

    if (pread(fd, master->secret.bytes, (size_t)size, 0) != size)
        log_warn(NULL, "sessions from before the upgrade are not resumed");
    close(fd);
}

static void
take_control(struct master *master, const struct message *message, int fd)
{
    struct upgrade *upgrade = &master->upgrade;

    if (upgrade->control_fd >= 0)
        close(upgrade->control_fd);
    free(upgrade->control_path);
    upgrade->control_fd = fd;
    upgrade->control_path = strdup(message_socket_path(message));
}

static void
take_socket(struct master *master, const struct message *message, int fd)
{
    struct held_socket *held = NULL;
    struct listener_socket socket;
    struct socket_use use;

    if (strcmp(message->text, CONTROL_KEY) == 0) {
        take_control(master, message, fd);
        return;
    }
    if (!socket_message_read(message, fd, &socket, &use))
        close(fd);
    else if ((held = sockets_add(&master->sockets, &socket)) == NULL)
        listener_socket_leave(&socket);
    if (held != NULL)
        held->serves = held->stored = !held_socket_is_lent(held);
    else
        log_error(NULL, "a listening socket is lost: out of memory");
}

/* The one before has told the service manager who we are, or is gone. */
static void
speak(struct master *master)
{
    struct upgrade *upgrade = &master->upgrade;

    if (upgrade->inherits || upgrade->speaks || master->stopping)
        return;
    upgrade->speaks = true;
    notify_hold(&master->notify, false);
    announce_ready(master, true);
}

static void
on_inherit(void *arg, const struct message *message, const int *fds)
{
    struct master *master = arg;

    if (message->type == MESSAGE_SECRET)
        take_secret(master, fds[0]);
    else if (message->type == MESSAGE_SOCKET)
        take_socket(master, message, fds[0]);
    else if (message->type == MESSAGE_SPEAK)
        speak(master);
    else
        event_base_loopbreak(master->base);
}

/* It stays there until we serve and its connections have ended, or it has given
 * up on us. */
static void
on_predecessor_gone(void *arg, const char *why)
{
    struct master *master = arg;
    struct upgrade *upgrade = &master->upgrade;

    if (upgrade->inherits) {
        log_error(NULL, "the daemon to take over from %s", why);
        raise(SIGTERM);
    }
    speak(master);
    channel_free(upgrade->before); /* `why` goes with it */
    upgrade->before = NULL;
    master_finish_if_alone(master);
}

static void
on_waited_too_long(evutil_socket_t fd, short what, void *arg)
{
    struct master *master = arg;

    (void)fd;
    (void)what;
    channel_free(master->upgrade.before);
    master->upgrade.before = NULL;
    event_base_loopbreak(master->base);
}

static bool
wait_for_sockets(struct master *master, struct error *error)
{
    struct upgrade *upgrade = &master->upgrade;
    struct event *timer =
        evtimer_new(master->base, on_waited_too_long, master);

    if (timer != NULL && event_add(timer, &inherit_patience) == 0)
        (void)event_base_dispatch(master->base);
    if (timer != NULL)
        event_free(timer);
    if (timer != NULL && upgrade->before != NULL && !master->stopping)
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

/* Anybody may have set the variable: the far end must be our parent. */
static bool
leads_to_parent(int fd)
{
    struct ucred peer;
    socklen_t length = sizeof(peer);
    int type = 0;
    socklen_t type_length = sizeof(type);

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_length) == 0 &&
        type == SOCK_SEQPACKET &&
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
        peer.pid == getppid();
}

/* The descriptor that the environment names; -1: none. */
static int
predecessor(void)
{
    const char *text = getenv(ENVIRONMENT);
    uint64_t fd = 0;
    bool ok = text != NULL && number_parse(text, &fd) && fd > 2 &&
        fd < INT_MAX && leads_to_parent((int)fd) &&
        fd_set_cloexec((int)fd) && fd_set_nonblocking((int)fd);

    (void)unsetenv(ENVIRONMENT);
    return ok ? (int)fd : -1;
}

void
upgrade_init(struct upgrade *upgrade)
{
    *upgrade = (struct upgrade){
        .program = own_program(),
        .fd = predecessor(),
        .control_fd = -1,
    };
    upgrade->inherits = upgrade->fd >= 0;
}

bool
upgrade_inherit(struct master *master, struct error *error)
{
    struct upgrade *upgrade = &master->upgrade;

    if (upgrade->fd < 0)
        return true;
    notify_hold(&master->notify, true);
    upgrade->before = channel_new(master->base, upgrade->fd, ROLE_SUCCESSOR,
        ROLE_MASTER, on_inherit, on_predecessor_gone, master);
    if (upgrade->before == NULL) {
        error_add(error, "out of memory");
        return false;
    }
    upgrade->fd = -1;
    return wait_for_sockets(master, error);
}

int
upgrade_inherited_control(struct master *master, const char *path)
{
    struct upgrade *upgrade = &master->upgrade;
    int fd = upgrade->control_fd;

    upgrade->control_fd = -1;
    if (fd < 0 || (path != NULL && upgrade->control_path != NULL &&
        strcmp(path, upgrade->control_path) == 0))
        return fd;
    close(fd);
    return -1;
}

bool
upgrade_report(struct master *master)
{
    struct upgrade *upgrade = &master->upgrade;

    if (upgrade->before == NULL)
        return false;
    log_info(NULL, "taken over from pid %d", (int)getppid());
    channel_send(upgrade->before, MESSAGE_READY, NULL, NULL, 0, NULL, 0);
    if (!channel_flush(upgrade->before, FLUSH_MS))
        log_warn(NULL, "the daemon before cannot be told to stop");
    upgrade->inherits = false;
    return true;
}

bool
upgrade_has_elder(const struct master *master)
{
    return master->upgrade.before != NULL && !master->upgrade.inherits;
}

void
upgrade_stop_elder(struct master *master, uint64_t timeout_ms)
{
    const struct message_stop fixed = { .timeout_ms = timeout_ms };

    if (upgrade_has_elder(master))
        channel_send(
            master->upgrade.before, MESSAGE_STOP, &fixed, NULL, 0, NULL, 0);
}

void
upgrade_end_elder(struct master *master)
{
    if (upgrade_has_elder(master))
        channel_send(
            master->upgrade.before, MESSAGE_STOP_NOW, NULL, NULL, 0, NULL, 0);
}

/* The old one. */

/* The way to the next one stays. */
static void
end_start(struct upgrade *upgrade)
{
    if (upgrade->timer != NULL)
        event_free(upgrade->timer);
    upgrade->timer = NULL;
    upgrade->pid = 0;
}

static void
forget(struct upgrade *upgrade)
{
    channel_free(upgrade->next);
    upgrade->next = NULL;
    end_start(upgrade);
}

static void
refuse(struct master *master, const char *why)
{
    struct error error = { 0 };

    log_error(NULL, "upgrade failed, this program goes on: %s", why);
    error_add(&error, "%s; the running daemon goes on", why);
    requests_finish(master, REQUEST_UPGRADE, "", &error);
    error_clear(&error);
}

static void
fail(struct master *master, const char *why)
{
    if (master->upgrade.pid > 0)
        kill(master->upgrade.pid, SIGKILL);
    forget(&master->upgrade);
    refuse(master, why);
    master_go_on(master);
}

static void
on_successor_gone(void *arg, const char *why)
{
    struct master *master = arg;

    (void)why;
    if (master->upgrade.succeeded)
        forget(&master->upgrade);
    else
        fail(master,
            "the new program ended before it served; its messages say why");
}

static void
on_timeout(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    fail(arg, "the new program took too long to start");
}

static void
succeed(struct master *master)
{
    static const struct error nothing = { 0 };
    struct upgrade *upgrade = &master->upgrade;

    log_info(NULL, "upgraded: pid %d serves now", (int)upgrade->pid);
    upgrade->succeeded = true;
    announce_successor(master, (int)upgrade->pid);
    channel_send(upgrade->next, MESSAGE_SPEAK, NULL, NULL, 0, NULL, 0);
    requests_finish(master, REQUEST_UPGRADE, "upgraded\n", &nothing);
    end_start(upgrade);
    master_retire(master);
}

static void
on_message(void *arg, const struct message *message, const int *fds)
{
    const struct message_stop *stop = message->payload;
    struct master *master = arg;
    bool succeeded = master->upgrade.succeeded;

    (void)fds;
    if (message->type == MESSAGE_READY && !succeeded)
        succeed(master);
    else if (message->type == MESSAGE_STOP && succeeded)
        master_stop(master, stop->timeout_ms);
    else if (message->type == MESSAGE_STOP_NOW && succeeded)
        master_end_now(master);
}

static void
send_secret(struct master *master)
{
    int fd = memfd_create("sallyport-secret", MFD_CLOEXEC);
    ssize_t size = (ssize_t)sizeof(master->secret.bytes);

    if (fd >= 0 &&
        write(fd, master->secret.bytes, (size_t)size) == size)
        channel_send(
            master->upgrade.next, MESSAGE_SECRET, NULL, NULL, 0, &fd, 1);
    if (fd >= 0)
        close(fd);
}

static void
send_all(struct master *master)
{
    struct channel *channel = master->upgrade.next;
    const struct message_generation none = { 0 };
    struct held_socket control = {
        .socket = {
            .fd = master->fleet.control_fd,
            .text = (char *)CONTROL_KEY,
            .path = master->fleet.control_path,
        },
    };

    send_secret(master);
    for (size_t i = 0; i < master->sockets.count; i++)
        socket_message_send(channel, MESSAGE_SOCKET,
            &master->sockets.items[i], &master->sockets.items[i].now, true);
    if (control.socket.fd >= 0)
        socket_message_send(
            channel, MESSAGE_SOCKET, &control, &control.now, true);
    channel_send(channel, MESSAGE_PREPARE, &none, NULL, 0, NULL, 0);
}

/* This process's own words, from proc(5).  False: they are too many, and some
 * may not be left out. */
static bool
own_words(char bytes[WORDS_BYTES], char *words[WORDS_MAX + 1])
{
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd >= 0 ? read(fd, bytes, WORDS_BYTES) : -1;
    size_t count = 0;
    char *at = bytes;

    if (fd >= 0)
        close(fd);
    if (length <= 0 || length == WORDS_BYTES)
        return false;
    bytes[length] = '\0';
    for (; at < bytes + length && count < WORDS_MAX; at += strlen(at) + 1)
        words[count++] = at;
    words[count] = NULL;
    return at >= bytes + length;
}

static _Noreturn void
be_successor(const char *program, int fd)
{
    static char bytes[WORDS_BYTES], *words[WORDS_MAX + 1];
    char number[16];
    sigset_t none;

    for (int i = 1; i < NSIG; i++)
        (void)signal(i, SIG_DFL);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    snprintf(number, sizeof(number), "%d", fd);
    watchdog_hand_on();
    errno = E2BIG;
    if (own_words(bytes, words) && setenv(ENVIRONMENT, number, 1) == 0 &&
        fcntl(fd, F_SETFD, 0) == 0)
        execv(program, words);
    log_error(NULL, "cannot run %s: %m", program);
    _exit(EXIT_FAILURE);
}

static bool
start(struct master *master)
{
    struct upgrade *upgrade = &master->upgrade;
    sigset_t all, before;
    int pair[2];

    if (!channel_pair(pair))
        return false;
    sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    upgrade->pid = fork();
    if (upgrade->pid == 0)
        be_successor(upgrade->program, pair[1]);
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    close(pair[1]);
    upgrade->timer = evtimer_new(master->base, on_timeout, master);
    upgrade->next = channel_new(master->base, pair[0], ROLE_MASTER,
        ROLE_SUCCESSOR, on_message, on_successor_gone, master);
    if (upgrade->next == NULL)
        close(pair[0]);
    return upgrade->pid > 0 && upgrade->timer != NULL &&
        upgrade->next != NULL;
}

void
upgrade_start(struct master *master)
{
    struct upgrade *upgrade = &master->upgrade;
    struct timeval patience;

    requests_begin(master, REQUEST_UPGRADE);
    if (master->stopping || upgrade->pid != 0)
        return; /* they wait for the one that is under way */
    if (master_is_busy(master)) {
        refuse(master, "a start or a reload is under way; try again");
        return;
    }
    if (upgrade->program == NULL || master->source->is_demo) {
        refuse(master, "this program cannot be upgraded");
        return;
    }
    if (!start(master)) {
        fail(master, "no process can be started now");
        return;
    }
    log_info(NULL, "upgrading: pid %d starts from %s", (int)upgrade->pid,
        upgrade->program);
    patience = clock_span(master->config->global.upgrade_timeout_ms);
    event_add(upgrade->timer, &patience);
    send_all(master);
}

void
upgrade_stop(struct master *master)
{
    struct upgrade *upgrade = &master->upgrade;

    if (upgrade->succeeded)
        return;
    if (upgrade->pid > 0)
        kill(upgrade->pid, SIGTERM);
    forget(upgrade);
}

void
upgrade_free(struct master *master)
{
    struct upgrade *upgrade = &master->upgrade;

    forget(upgrade);
    channel_free(upgrade->before);
    if (upgrade->fd >= 0)
        close(upgrade->fd);
    if (upgrade->control_fd >= 0)
        close(upgrade->control_fd);
    free(upgrade->control_path);
    free(upgrade->program);
    *upgrade = (struct upgrade){ .fd = -1, .control_fd = -1 };
}

void
upgrade_ended(struct master *master, pid_t pid, int status)
{
    char text[SPAWN_STATUS_SIZE], why[SPAWN_STATUS_SIZE + 32];

    if (pid != master->upgrade.pid)
        return;
    master->upgrade.pid = -1; /* nobody to kill */
    snprintf(why, sizeof(why), "the new program %s",
        spawn_status(status, text));
    fail(master, why);
}
