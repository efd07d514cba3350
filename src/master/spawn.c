#include "master/spawn.h"

#include <openssl/crypto.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/process.h"
#include "ipc/channel.h"
#include "roles/role_title.h"
#include "sandbox/privileges.h"

enum { LOG_PIPE_BYTES = 256 << 10 };

extern char **environ;

/* What libraries go by, and what a child does not see in its configuration.  All
 * else was the master's: its sockets, its manager, secrets that the configuration
 * names. */
static const char *const kept_variables[] = {
    "TZ=", "TZDIR=", "LANG=", "LC_", "LD_", "OPENSSL_", "GLIBC_TUNABLES=",
    "MALLOC_", "ASAN_", "LSAN_", "UBSAN_", "GCOV_",
};

enum { VARIABLES_MAX = 64 };

static bool
is_kept_variable(const char *variable)
{
    for (size_t i = 0; i < COUNT(kept_variables); i++)
        if (strncmp(variable, kept_variables[i], strlen(kept_variables[i])) ==
            0)
            return true;
    return false;
}

static void
choose_variables(char *chosen[VARIABLES_MAX + 1])
{
    size_t count = 0;

    chosen[count++] = role_title_room; /* first */
    for (char **each = environ; *each != NULL && count < VARIABLES_MAX; each++)
        if (is_kept_variable(*each))
            chosen[count++] = *each;
    chosen[count] = NULL;
}

/* Puts each of `fds` at its own number, -1: nothing, and closes all else.  They
 * are moved out of each other's way first.  False: errno says why. */
static bool
arrange_descriptors(int fds[ROLE_FD_COUNT])
{
    for (int i = 0; i < ROLE_FD_COUNT; i++) {
        if (fds[i] < 0)
            continue;
        fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, ROLE_FD_COUNT);
        if (fds[i] < 0)
            return false;
    }
    for (int i = 0; i < ROLE_FD_COUNT; i++) {
        if (fds[i] < 0)
            close(i);
        else if (dup2(fds[i], i) < 0)
            return false;
    }
    closefrom(ROLE_FD_COUNT);
    return fcntl(ROLE_FD_PROGRAM, F_SETFD, FD_CLOEXEC) == 0;
}

/* Signals stay blocked until the child has its own ideas of them.  What this says
 * goes into the log by way of the master. */
static _Noreturn void
execute_program(const struct spawn *spawn, int program_fd, int channel,
    int log_fd)
{
    char title[ROLE_TITLE_SIZE];
    char *words[] = { title, NULL };
    char *variables[VARIABLES_MAX + 1];
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int fds[ROLE_FD_COUNT] = {
        null, null, log_fd,
        [ROLE_FD_CHANNEL] = channel,
        [ROLE_FD_PROGRAM] = program_fd,
    };

    (void)dup2(log_fd, STDERR_FILENO);
    for (int i = ROLE_FD_SCOREBOARD; i < ROLE_FD_PROGRAM; i++)
        fds[i] = spawn->fds[i] > 0 ? spawn->fds[i] : -1;
    role_start_title(spawn->role, spawn->number, title);
    choose_variables(variables);
    if (null >= 0 && arrange_descriptors(fds))
        execveat(
            ROLE_FD_PROGRAM, "", words, variables, AT_EMPTY_PATH);
    dprintf(STDERR_FILENO, "cannot be executed: %s\n", strerror(errno));
    _exit(EXIT_FAILURE);
}

static void
describe_start(const struct spawn *spawn, struct role_start *start)
{
    *start = (struct role_start){
        .size = sizeof(*start),
        .role = spawn->role,
        .number = spawn->number,
        .slot = spawn->slot,
        .sandbox = spawn->sandbox,
        .log_dress = log_dress(),
        .log_format = log_format(),
        .log_level = log_level(),
        .keeps_no_keys = spawn->keeps_no_keys,
        .workers = spawn->workers,
        .strict = spawn->strict,
    };
    if (spawn->account != NULL) {
        start->uid = spawn->account->uid;
        start->gid = spawn->account->gid;
        snprintf(start->account, sizeof(start->account), "%s",
            spawn->account->name);
    }
    if (spawn->reach != NULL)
        role_start_set_reach(start, spawn->reach);
    if (spawn->tickets != NULL && spawn->role == ROLE_WORKER)
        start->tickets = *spawn->tickets;
}

/* Sent before the child is there, so that it need not wait. */
static bool
send_start(const struct spawn *spawn, int fd)
{
    struct role_start start;
    bool sent;

    describe_start(spawn, &start);
    sent = role_start_send(fd, &start);
    OPENSSL_cleanse(&start, sizeof(start));
    return sent;
}

/* A burst of lines waits in it while the master is busy. */
static bool
make_log_pipe(enum role role, int pipe_fds[2])
{
    if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) < 0)
        return false;
    if (role == ROLE_WORKER)
        (void)fcntl(pipe_fds[1], F_SETPIPE_SZ, LOG_PIPE_BYTES);
    return true;
}

static void
close_descriptor_pair(const int pair[2])
{
    int why = errno;

    close(pair[0]);
    close(pair[1]);
    errno = why;
}

int
spawn_open_program(struct error *error)
{
    int fd = open("/proc/self/exe", O_PATH | O_CLOEXEC);

    if (fd < 0)
        error_add(error, "cannot open this program by /proc/self/exe, to start "
            "processes from: %s", strerror(errno));
    return fd;
}

pid_t
spawn_process(
    const struct spawn *spawn, int program_fd, int *fd, int *log_fd)
{
    int pair[2], lines[2], why;
    pid_t pid = -1;

    if (!channel_pair(pair))
        return -1;
    if (!make_log_pipe(spawn->role, lines)) {
        close_descriptor_pair(pair);
        return -1;
    }
    if (send_start(spawn, pair[0]))
        pid = process_fork();
    if (pid == 0)
        execute_program(spawn, program_fd, pair[1], lines[1]);
    if (pid < 0) {
        close_descriptor_pair(pair);
        close_descriptor_pair(lines);
        return -1;
    }
    why = errno;
    close(pair[1]);
    close(lines[1]);
    errno = why;
    *fd = pair[0];
    *log_fd = lines[0];
    return pid;
}
