#include "process/spawn.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/descriptors.h"
#include "base/error.h"
#include "base/log.h"
#include "base/scratch.h"
#include "process/privileges.h"

enum { CODE_FINE = 7, SLOT = 42, MOST = 64 };

/* What a child tells of itself, in one packet. */
struct told {
    unsigned slot;
    unsigned descriptors;
    bool has[MOST]; /* which of the first ones are open */
    unsigned long long ignored, caught, blocked;
    uid_t user;
    char name[16];
};

static void
set_up(void)
{
    struct error error = { 0 };

    cr_assert(log_open(LOG_FILE, scratch_path("log"), LOG_TEXT,
        LOG_LEVEL_WARN, &error));
    cr_assert_gt(log_descriptor(), STDERR_FILENO);
}

static void
tear_down(void)
{
    log_close();
    scratch_remove();
}

TestSuite(spawn, .init = set_up, .fini = tear_down, .timeout = 60);

static unsigned long long
signals_of(const char *word)
{
    static char text[8192];
    const char *line;
    FILE *file = fopen("/proc/self/status", "r");
    size_t length;

    if (file == NULL)
        _exit(1);
    length = fread(text, 1, sizeof(text) - 1, file);
    text[length] = '\0';
    fclose(file);
    line = strstr(text, word);
    return line != NULL ? strtoull(line + strlen(word), NULL, 16) : ~0ULL;
}

static int
tell(void *arg, unsigned slot, int fd)
{
    struct told told = { .slot = slot, .user = geteuid(),
        .descriptors = (unsigned)descriptors_count() };

    (void)arg;
    for (int i = 0; i < MOST; i++)
        told.has[i] = fcntl(i, F_GETFD) >= 0;
    told.ignored = signals_of("SigIgn:");
    told.caught = signals_of("SigCgt:");
    told.blocked = signals_of("SigBlk:");
    (void)prctl(PR_GET_NAME, told.name);
    if (send(fd, &told, sizeof(told), 0) != (ssize_t)sizeof(told))
        return 1;
    close(fd);
    return CODE_FINE;
}

static int
status_of(pid_t child)
{
    int status;

    cr_assert_eq(waitpid(child, &status, 0), child);
    return status;
}

static struct told
ask(struct spawn spawn)
{
    struct told told = { .slot = 0 };
    struct pollfd poll_fd = { .events = POLLIN };
    size_t before = descriptors_count();
    pid_t child;

    spawn.run = tell;
    spawn.sandbox = SANDBOX_OFF; /* it reads proc(5) */
    child = spawn_process(&spawn, SLOT, &poll_fd.fd);
    cr_assert_gt(child, 0);
    cr_expect_eq(descriptors_count(), before + 1);
    cr_assert_eq(poll(&poll_fd, 1, 10000), 1);
    cr_assert_eq(
        read(poll_fd.fd, &told, sizeof(told)), (ssize_t)sizeof(told));
    cr_expect_eq(status_of(child), CODE_FINE << 8);
    cr_expect_eq(told.slot, SLOT);
    close(poll_fd.fd);
    return told;
}

static struct spawn
worker(void)
{
    return (struct spawn){
        .role = ROLE_WORKER, .number = 3, .keep = { -1, -1 } };
}

/* The standard ones, the log and the way to the master. */
static unsigned
usual_ones(void)
{
    unsigned count = 2;

    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

Test(spawn, gives_a_child_only_what_it_is_to_have)
{
    int fds[20], high = fcntl(STDERR_FILENO, F_DUPFD, 900);
    struct spawn spawn = worker();
    struct told told;

    for (size_t i = 0; i < COUNT(fds); i++)
        fds[i] = open("/dev/null", O_RDONLY);
    told = ask(spawn);
    cr_expect_eq(told.descriptors, usual_ones());
    cr_expect(told.has[log_descriptor()]);
    for (size_t i = 0; i < COUNT(fds); i++)
        cr_expect(fds[i] <= STDERR_FILENO || !told.has[fds[i]]);
    spawn.keep[0] = fds[4];
    told = ask(spawn);
    cr_expect_eq(told.descriptors, usual_ones() + 1);
    cr_expect(told.has[fds[4]]);
    spawn.keep[1] = fds[19];
    told = ask(spawn);
    cr_expect_eq(told.descriptors, usual_ones() + 2);
    cr_expect(told.has[fds[4]] && told.has[fds[19]]);
    spawn.keep[0] = high; /* far above all others */
    told = ask(spawn);
    cr_expect_eq(told.descriptors, usual_ones() + 2);
    cr_expect_not(told.has[fds[4]]);
    for (size_t i = 0; i < COUNT(fds); i++)
        close(fds[i]);
    close(high);
}

Test(spawn, gives_the_trial_all)
{
    struct spawn spawn = { .role = ROLE_TRIAL, .keep_all = true };
    int fd = open("/dev/null", O_RDONLY);
    struct told told = ask(spawn);

    /* But the master's end of its own way. */
    cr_expect_eq(told.descriptors, descriptors_count() + 1);
    cr_expect(told.has[fd]);
    cr_expect_str_eq(told.name, "sallyport:trial");
    close(fd);
}

static void
on_signal(int number)
{
    (void)number;
}

static unsigned long long
bit(int number)
{
    return 1ULL << (number - 1);
}

Test(spawn, leaves_signals_to_the_master)
{
    static const int ignored[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2,
        SIGPIPE };
    sigset_t blocked, after;
    struct told told;

    for (size_t i = 0; i < COUNT(ignored); i++)
        (void)signal(ignored[i], on_signal);
    (void)signal(SIGCHLD, on_signal);
    (void)signal(SIGALRM, on_signal);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    cr_assert_eq(sigprocmask(SIG_BLOCK, &blocked, NULL), 0);
    told = ask(worker());
    for (size_t i = 0; i < COUNT(ignored); i++) {
        cr_expect(told.ignored & bit(ignored[i]), "%d", ignored[i]);
        cr_expect_not(told.caught & bit(ignored[i]), "%d", ignored[i]);
    }
    cr_expect_not(told.caught & (bit(SIGCHLD) | bit(SIGALRM)));
    cr_expect_not(told.ignored & (bit(SIGCHLD) | bit(SIGALRM)));
    cr_expect_eq(told.blocked, 0);
    cr_assert_eq(sigprocmask(SIG_SETMASK, NULL, &after), 0);
    cr_expect(sigismember(&after, SIGUSR1), "the master's own is as it was");
    cr_expect_not(sigismember(&after, SIGTERM));
}

Test(spawn, names_children)
{
    static const struct {
        enum role role;
        unsigned number;
        const char *name;
    } cases[] = {
        { ROLE_WORKER, 0, "sallyport:w0" },
        { ROLE_WORKER, 63, "sallyport:w63" },
        { ROLE_SCOUT, 0, "sallyport:scout" },
        { ROLE_OBSERVER, 0, "sallyport:obser" },
    };

    for (size_t i = 0; i < COUNT(cases); i++)
        cr_expect_str_eq(ask((struct spawn){ .role = cases[i].role,
                                 .number = cases[i].number,
                                 .keep = { -1, -1 } })
                             .name,
            cases[i].name);
}

Test(spawn, becomes_the_account)
{
    struct account account = { 0 };
    struct error error = { 0 };
    struct spawn spawn = worker();

    if (geteuid() != 0)
        cr_skip_test("only root can become somebody else");
    cr_assert(account_find("nobody", NULL, &account, &error));
    spawn.account = &account;
    cr_expect_eq(ask(spawn).user, getpwnam("nobody")->pw_uid);
    cr_expect_eq(geteuid(), 0);
    account_clear(&account);
}

static int
wait_for_end(void *arg, unsigned slot, int fd)
{
    char byte;

    (void)arg;
    (void)slot;
    while (read(fd, &byte, 1) < 0) { /* it does not block */
        struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

        (void)poll(&poll_fd, 1, -1);
    }
    return 0;
}

Test(spawn, sees_when_the_far_side_is_gone)
{
    struct spawn spawn = worker();
    pid_t child;
    int fd;

    spawn.run = wait_for_end;
    child = spawn_process(&spawn, 0, &fd);
    cr_assert_gt(child, 0);
    kill(child, SIGTERM); /* does nothing */
    close(fd);
    cr_expect_eq(status_of(child), 0);
}

Test(spawn, says_what_happened_to_a_child)
{
    struct spawn spawn = worker();
    char text[SPAWN_STATUS_SIZE];
    pid_t child;
    int fd;

    spawn.run = wait_for_end;
    child = spawn_process(&spawn, 0, &fd);
    cr_assert_gt(child, 0);
    kill(child, SIGKILL);
    cr_expect_str_eq(spawn_status(status_of(child), text),
        "died by signal 9 (Killed)");
    close(fd);
    cr_expect_str_eq(spawn_status(0, text), "ended with exit code 0");
    cr_expect_str_eq(spawn_status(255 << 8, text),
        "ended with exit code 255");
    cr_expect_str_eq(spawn_status(SIGSEGV | 0x80, text),
        "died by signal 11 (Segmentation fault), core dumped");
    cr_expect_not_null(strstr(spawn_status(SIGRTMAX, text), "died by signal"));
}
