#include "process/spawn.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "process/channel.h"
#include "process/privileges.h"
#include "process/sandbox.h"

/* The master decides what a signal means, and tells its children: a terminal's
 * Ctrl-C and a service manager's SIGTERM reach all of them at once. */
static void
reset_signals(void)
{
    static const int defaults[] = { SIGCHLD, SIGALRM };
    static const int ignored[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2,
        SIGPIPE };
    sigset_t none;

    for (size_t i = 0; i < COUNT(defaults); i++)
        (void)signal(defaults[i], SIG_DFL);
    for (size_t i = 0; i < COUNT(ignored); i++)
        (void)signal(ignored[i], SIG_IGN);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static bool
is_kept(const struct spawn *spawn, int fd, int own)
{
    if (fd <= STDERR_FILENO || fd == own || fd == log_descriptor())
        return true;
    for (size_t i = 0; i < SPAWN_KEEP_MAX; i++)
        if (spawn->keep[i] == fd)
            return true;
    return false;
}

/* A descriptor too many would keep a socket open that everybody else believes
 * to be closed. */
static void
close_others(const struct spawn *spawn, int own)
{
    unsigned first = STDERR_FILENO + 1;
    int last = own;

    if (log_descriptor() > last)
        last = log_descriptor();
    for (size_t i = 0; i < SPAWN_KEEP_MAX; i++)
        if (spawn->keep[i] > last)
            last = spawn->keep[i];
    for (int fd = (int)first; fd <= last; fd++)
        if (!is_kept(spawn, fd, own))
            close(fd);
    (void)close_range((unsigned)last + 1, ~0U, 0);
}

static void
name_process(const struct spawn *spawn)
{
    char name[16]; /* all that the kernel keeps: prctl(2) */

    if (spawn->role == ROLE_WORKER || spawn->role == ROLE_KEEPER)
        snprintf(name, sizeof(name), "sallyport:%.1s%u",
            role_name(spawn->role), spawn->number);
    else
        snprintf(name, sizeof(name), "sallyport:%.5s", role_name(spawn->role));
    (void)prctl(PR_SET_NAME, name);
}

static _Noreturn void
be_child(const struct spawn *spawn, unsigned slot, int fd)
{
    struct error error = { 0 };
    int code = EXIT_FAILURE;

    reset_signals();
    if (!spawn->keep_all)
        close_others(spawn, fd);
    name_process(spawn);
    if ((spawn->account == NULL || privileges_drop(spawn->account, &error)) &&
        sandbox_enter(spawn->role, spawn->sandbox, spawn->reach, &error))
        code = spawn->run(spawn->arg, slot, fd);
    for (size_t i = 0; i < error.count; i++)
        log_error(NULL, "%s: %s", role_name(spawn->role), error.messages[i]);
    error_clear(&error);
    log_close();
    exit(code);
}

/* Signals are held back until the child has got rid of the master's handlers,
 * which would tell the master's loop of them. */
pid_t
spawn_process(const struct spawn *spawn, unsigned slot, int *fd)
{
    sigset_t all, before;
    int pair[2];
    pid_t pid;

    if (!channel_pair(pair))
        return -1;
    fflush(NULL);
    sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    pid = fork();
    if (pid == 0) {
        close(pair[0]);
        be_child(spawn, slot, pair[1]);
    }
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    close(pair[1]);
    if (pid < 0)
        close(pair[0]);
    *fd = pair[0];
    return pid;
}

const char *
spawn_status(int status, char text[SPAWN_STATUS_SIZE])
{
    if (WIFSIGNALED(status))
        snprintf(text, SPAWN_STATUS_SIZE, "died by signal %d (%s)%s",
            WTERMSIG(status), strsignal(WTERMSIG(status)),
            WCOREDUMP(status) ? ", core dumped" : "");
    else
        snprintf(text, SPAWN_STATUS_SIZE, "ended with exit code %d",
            WEXITSTATUS(status));
    return text;
}
