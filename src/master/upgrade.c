#include "master/upgrade_internal.h"

#include <event2/event.h>
#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/process.h"
#include "config/config.h"
#include "ipc/channel.h"
#include "ipc/message_socket.h"
#include "master/child.h"
#include "master/config_source.h"
#include "master/generation.h"
#include "master/spawn.h"
#include "master/supervisor.h"
#include "master/watchdog.h"
#include "net/listen_table.h"
#include "tls/tls_secret.h"

enum { WORDS_MAX = 1024, WORDS_BYTES = 128 << 10 };

/* Within which a service manager has read MAINPID=. */
enum { MANAGER_LEARNS_MS = 5000 };

/* The channel to the successor stays. */
static void
end_start(struct upgrade *upgrade)
{
    if (upgrade->timer != NULL)
        event_free(upgrade->timer);
    upgrade->timer = NULL;
    upgrade->pid = 0;
}

static void
forget_successor(struct upgrade *upgrade)
{
    channel_free(upgrade->next);
    upgrade->next = NULL;
    end_start(upgrade);
}

static void
fail_upgrade(struct upgrade *upgrade, const char *why)
{
    if (upgrade->pid > 0)
        kill(upgrade->pid, SIGKILL);
    forget_successor(upgrade);
    log_error(NULL, "upgrade failed, this process goes on serving: %s", why);
    upgrade->parts.calls->failed(upgrade->parts.arg, why);
}

static void
on_successor_gone(void *arg, const char *why)
{
    struct upgrade *upgrade = arg;

    (void)why;
    upgrade->successor = 0;
    if (upgrade->succeeded)
        forget_successor(upgrade);
    else
        fail_upgrade(upgrade,
            "the new program ended before it served; its messages say why");
}

static void
on_start_timeout(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    fail_upgrade(arg, "the new program took too long to start");
}

static void
succeed_upgrade(struct upgrade *upgrade)
{
    const struct upgrade_parts *parts = &upgrade->parts;
    pid_t pid = upgrade->pid;

    log_info(NULL, "upgraded: pid %d serves now", (int)pid);
    upgrade->succeeded = true;
    if (parts->calls->announce(parts->arg, pid))
        upgrade->successor = pid;
    upgrade->succeeded_ms = clock_now_ms();
    upgrade_send_kin(upgrade); /* those that have begun since */
    channel_send(upgrade->next, MESSAGE_SPEAK, NULL, NULL, 0, NULL, 0);
    end_start(upgrade);
    parts->calls->succeeded(parts->arg, pid);
}

void
upgrade_pass_stop(struct upgrade *upgrade)
{
    if (upgrade->successor == 0 ||
        clock_now_ms() - upgrade->succeeded_ms >= MANAGER_LEARNS_MS)
        return;
    log_info(NULL, "pid %d stops as well: this stop may have been sent before "
        "systemd knew of it", (int)upgrade->successor);
    kill(upgrade->successor, SIGTERM);
    upgrade->successor = 0;
}

static void
on_successor_ready(void *arg, const struct message *message, const int *fds)
{
    struct upgrade *upgrade = arg;

    (void)message;
    (void)fds;
    if (!upgrade->succeeded)
        succeed_upgrade(upgrade);
}

static void
on_stop_message(void *arg, const struct message *message, const int *fds)
{
    const struct message_stop *stop = message->payload;
    const struct upgrade *upgrade = arg;

    (void)fds;
    if (upgrade->succeeded)
        upgrade->parts.calls->stop(upgrade->parts.arg, stop->timeout_ms);
}

static void
on_stop_now(void *arg, const struct message *message, const int *fds)
{
    const struct upgrade *upgrade = arg;

    (void)message;
    (void)fds;
    if (upgrade->succeeded)
        upgrade->parts.calls->end_now(upgrade->parts.arg);
}

static void
on_reopen(void *arg, const struct message *message, const int *fds)
{
    const struct upgrade *upgrade = arg;

    (void)message;
    (void)fds;
    if (upgrade->succeeded)
        upgrade->parts.calls->reopen_log(upgrade->parts.arg);
}

static channel_message_fn *const successor_handlers[MESSAGE_TYPE_COUNT] = {
    [MESSAGE_READY] = on_successor_ready,
    [MESSAGE_STOP] = on_stop_message,
    [MESSAGE_STOP_NOW] = on_stop_now,
    [MESSAGE_REOPEN] = on_reopen,
};

static void
send_secret(const struct upgrade *upgrade)
{
    const struct tls_secret *secret = upgrade->parts.secret;
    int fd = memfd_create("sallyport-secret", MFD_CLOEXEC);
    ssize_t size = (ssize_t)sizeof(secret->bytes);

    if (fd >= 0 && write(fd, secret->bytes, (size_t)size) == size)
        channel_send(upgrade->next, MESSAGE_SECRET, NULL, NULL, 0, &fd, 1);
    if (fd >= 0)
        close(fd);
}

static void
send_state_to_successor(const struct upgrade *upgrade)
{
    const struct supervisor *supervisor = upgrade->parts.supervisor;
    const struct listen_table *sockets = supervisor->parts.sockets;
    const struct message_generation none = { 0 };
    struct listen_socket control = {
        .socket = {
            .fd = supervisor->control_fd,
            .text = (char *)UPGRADE_CONTROL_KEY,
            .path = supervisor->control_path,
        },
    };

    send_secret(upgrade);
    upgrade_send_kin(upgrade);
    for (size_t i = 0; i < sockets->count; i++)
        message_socket_send(upgrade->next, MESSAGE_SOCKET, &sockets->items[i],
            &sockets->items[i].now, true);
    if (control.socket.fd >= 0)
        message_socket_send(
            upgrade->next, MESSAGE_SOCKET, &control, &control.now, true);
    channel_send(upgrade->next, MESSAGE_PREPARE, &none, NULL, 0, NULL, 0);
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
    if (own_words(bytes, words) &&
        setenv(UPGRADE_ENVIRONMENT, number, 1) == 0 &&
        fcntl(fd, F_SETFD, 0) == 0)
        execv(program, words);
    log_error(NULL, "cannot run %s: %m", program);
    _exit(EXIT_FAILURE);
}

static bool
start_successor(struct upgrade *upgrade)
{
    struct timeval patience = clock_span(upgrade->parts.supervisor->parts
            .generations->current.config->global.upgrade_timeout_ms);
    struct event_base *base = upgrade_base(upgrade);
    int pair[2];

    if (!channel_pair(pair))
        return false;
    upgrade->pid = process_fork();
    if (upgrade->pid == 0)
        be_successor(upgrade->program, pair[1]);
    close(pair[1]);
    upgrade->timer = evtimer_new(base, on_start_timeout, upgrade);
    upgrade->next = channel_new(base, pair[0], ROLE_MASTER, ROLE_SUCCESSOR,
        successor_handlers, on_successor_gone, upgrade);
    if (upgrade->next == NULL)
        close(pair[0]);
    return upgrade->pid > 0 && upgrade->timer != NULL &&
        upgrade->next != NULL && event_add(upgrade->timer, &patience) == 0;
}

void
upgrade_begin(struct upgrade *upgrade)
{
    if (upgrade->program == NULL || upgrade->parts.source->is_demo) {
        fail_upgrade(upgrade, "this program cannot be upgraded");
        return;
    }
    if (!start_successor(upgrade)) {
        fail_upgrade(upgrade, "no process can be started now");
        return;
    }
    log_info(NULL, "upgrading: pid %d starts from %s", (int)upgrade->pid,
        upgrade->program);
    send_state_to_successor(upgrade);
}

void
upgrade_stop(struct upgrade *upgrade)
{
    if (upgrade->succeeded)
        return;
    if (upgrade->pid > 0)
        kill(upgrade->pid, SIGTERM);
    forget_successor(upgrade);
}

void
upgrade_free(struct upgrade *upgrade)
{
    forget_successor(upgrade);
    upgrade_forget_predecessor(upgrade);
    if (upgrade->fd >= 0)
        close(upgrade->fd);
    if (upgrade->control_fd >= 0)
        close(upgrade->control_fd);
    free(upgrade->control_path);
    free(upgrade->kin);
    free(upgrade->program);
    *upgrade = (struct upgrade){ .fd = -1, .control_fd = -1 };
}

void
upgrade_reap(struct upgrade *upgrade, pid_t pid, int status)
{
    char text[PROCESS_STATUS_SIZE], why[PROCESS_STATUS_SIZE + 32];

    if (pid != upgrade->pid)
        return;
    upgrade->pid = -1; /* there is no process to kill */
    snprintf(why, sizeof(why), "the new program %s",
        process_status(status, text));
    fail_upgrade(upgrade, why);
}
