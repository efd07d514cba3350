#include "base/process.h"

#include <sys/wait.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

pid_t
process_fork(void)
{
    sigset_t all, before;
    pid_t pid;

    sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    pid = fork();
    if (pid != 0)
        (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return pid;
}

const char *
process_status(int status, char text[PROCESS_STATUS_SIZE])
{
    if (WIFSIGNALED(status))
        snprintf(text, PROCESS_STATUS_SIZE, "died by signal %d (%s)%s",
            WTERMSIG(status), strsignal(WTERMSIG(status)),
            WCOREDUMP(status) ? ", core dumped" : "");
    else
        snprintf(text, PROCESS_STATUS_SIZE, "ended with exit code %d",
            WEXITSTATUS(status));
    return text;
}
