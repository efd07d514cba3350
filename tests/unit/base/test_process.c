/* A child process starts with all signals blocked, and its end has words. */
#include "base/process.h"

#include <sys/wait.h>

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

static int
status_of(pid_t pid)
{
    int status;

    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return status;
}

Test(process, fork_blocks_the_childs_signals_only)
{
    sigset_t now, before;
    pid_t pid;

    sigprocmask(SIG_SETMASK, NULL, &before);
    pid = process_fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        sigprocmask(SIG_SETMASK, NULL, &now);
        _exit(sigismember(&now, SIGTERM) && sigismember(&now, SIGCHLD) ? 0
                                                                       : 1);
    }
    cr_expect_eq(status_of(pid), 0);
    sigprocmask(SIG_SETMASK, NULL, &now);
    for (int each = 1; each < NSIG; each++)
        cr_expect_eq(sigismember(&now, each), sigismember(&before, each));
}

Test(process, status_has_words)
{
    char text[PROCESS_STATUS_SIZE];
    pid_t pid = process_fork();

    cr_assert_geq(pid, 0);
    if (pid == 0)
        for (;;)
            pause();
    kill(pid, SIGKILL);
    cr_expect_str_eq(process_status(status_of(pid), text),
        "died by signal 9 (Killed)");
    cr_expect_str_eq(process_status(0, text), "ended with exit code 0");
    cr_expect_str_eq(process_status(255 << 8, text),
        "ended with exit code 255");
    cr_expect_str_eq(process_status(SIGSEGV | 0x80, text),
        "died by signal 11 (Segmentation fault), core dumped");
    cr_expect_not_null(
        strstr(process_status(SIGRTMAX, text), "died by signal"));
}
