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
#include "master/master_internal.h"
#include "master/requests.h"
#include "master/spawn.h"

enum { WORDS_MAX = 1024, WORDS_BYTES = 128 << 10 };

/* Within which a service manager has read MAINPID=. */
enum { MANAGER_LEARNS_MS = 5000 };

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
    master->upgrade.successor = 0;
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

/* A reload that was asked for meanwhile is the successor's: it may be about
 * files that are newer than what the successor has read. */
static void
pass_reload(struct master *master)
{
    if (!master->reload_again)
        return;
    master->reload_again = false;
    /* Clients of the control socket ask again themselves, if they are there
     * still. */
    if (!requests_redirect(master, REQUEST_RELOAD) || master->hup_again)
        kill(master->upgrade.pid, SIGHUP);
}

static void
succeed(struct master *master)
{
    static const struct error nothing = { 0 };
    struct upgrade *upgrade = &master->upgrade;

    log_info(NULL, "upgraded: pid %d serves now", (int)upgrade->pid);
    upgrade->succeeded = true;
    if (manager_state_successor(master, (int)upgrade->pid))
        upgrade->successor = upgrade->pid;
    upgrade->succeeded_ms = clock_now_ms();
    upgrade_send_kin(master); /* those that have begun since */
    channel_send(upgrade->next, MESSAGE_SPEAK, NULL, NULL, 0, NULL, 0);
    requests_finish(master, REQUEST_UPGRADE, "upgraded\n", &nothing);
    pass_reload(master);
    end_start(upgrade);
    master_retire(master);
}

void
upgrade_pass_stop(struct master *master)
{
    struct upgrade *upgrade = &master->upgrade;

    if (upgrade->successor == 0 ||
        clock_now_ms() - upgrade->succeeded_ms >= MANAGER_LEARNS_MS)
        return;
    log_info(NULL, "pid %d stops as well: this stop may have been sent before "
        "the service manager knew of it", (int)upgrade->successor);
    kill(upgrade->successor, SIGTERM);
    upgrade->successor = 0;
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
    else if (message->type == MESSAGE_REOPEN && succeeded)
        master_reopen_log(master);
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
    struct listen_socket control = {
        .socket = {
            .fd = master->supervisor.control_fd,
            .text = (char *)UPGRADE_CONTROL_KEY,
            .path = master->supervisor.control_path,
        },
    };

    send_secret(master);
    upgrade_send_kin(master);
    for (size_t i = 0; i < master->sockets.count; i++)
        message_socket_send(channel, MESSAGE_SOCKET,
            &master->sockets.items[i], &master->sockets.items[i].now, true);
    if (control.socket.fd >= 0)
        message_socket_send(
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
    if (own_words(bytes, words) &&
        setenv(UPGRADE_ENVIRONMENT, number, 1) == 0 &&
        fcntl(fd, F_SETFD, 0) == 0)
        execv(program, words);
    log_error(NULL, "cannot run %s: %m", program);
    _exit(EXIT_FAILURE);
}

static bool
start(struct master *master)
{
    struct upgrade *upgrade = &master->upgrade;
    int pair[2];

    if (!channel_pair(pair))
        return false;
    upgrade->pid = process_fork();
    if (upgrade->pid == 0)
        be_successor(upgrade->program, pair[1]);
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
        upgrade->queued = true;
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
upgrade_start_if_queued(struct master *master)
{
    if (!master->upgrade.queued)
        return;
    master->upgrade.queued = false;
    upgrade_start(master);
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
    upgrade_forget_elder(upgrade);
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
upgrade_ended(struct master *master, pid_t pid, int status)
{
    char text[PROCESS_STATUS_SIZE], why[PROCESS_STATUS_SIZE + 32];

    if (pid != master->upgrade.pid)
        return;
    master->upgrade.pid = -1; /* nobody to kill */
    snprintf(why, sizeof(why), "the new program %s",
        process_status(status, text));
    fail(master, why);
}
