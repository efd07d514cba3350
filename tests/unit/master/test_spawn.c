/* The program that is started for a role is this test itself: see begin(). */
#include "master/spawn.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <dirent.h>
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
#include "base/scoreboard.h"
#include "base/scratch.h"
#include "ipc/channel.h"
#include "roles/role_main.h"
#include "roles/role_title.h"
#include "sandbox/privileges.h"
#include "tls/tls_secret.h"

enum { CODE_FINE = 7, SLOT = 42 };

/* What a child tells of itself, in one packet. */
struct told {
    struct role_start start;
    size_t descriptors;
    ino_t inodes[ROLE_FD_COUNT]; /* 0: not open */
    char title[64], retiring[64];
    char variables[512];
    unsigned long long blocked;
};

static unsigned long long
number_of(pid_t pid, const char *word, int base)
{
    static char text[8192];
    const char *line;
    char path[64];
    size_t length;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    file = fopen(path, "r");
    if (file == NULL)
        return ~0ULL;
    length = fread(text, 1, sizeof(text) - 1, file);
    text[length] = '\0';
    fclose(file);
    line = strstr(text, word);
    return line != NULL ? strtoull(line + strlen(word), NULL, base) : ~0ULL;
}

static void
look_at_descriptors(struct told *told)
{
    DIR *folder = opendir("/proc/self/fd");

    while (folder != NULL && readdir(folder) != NULL)
        told->descriptors++;
    if (folder == NULL)
        _exit(1);
    closedir(folder);
    told->descriptors -= 3; /* itself, "." and ".." */
    for (int i = 0; i < ROLE_FD_COUNT; i++) {
        struct stat file;

        if (fstat(i, &file) == 0)
            told->inodes[i] = file.st_ino;
    }
}

/* What ps(1) shows of this process. */
static void
read_own_title(char *title, size_t size)
{
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t length = fd >= 0 ? read(fd, title, size - 1) : -1;

    if (length < 0)
        _exit(4);
    title[length] = '\0';
    close(fd);
}

static _Noreturn void
tell(char *title, char *const *variables)
{
    static struct told told;

    if (!role_start_take(&told.start))
        _exit(2);
    look_at_descriptors(&told);
    snprintf(told.title, sizeof(told.title), "%s", title);
    for (; *variables != NULL; variables++)
        snprintf(told.variables + strlen(told.variables),
            sizeof(told.variables) - strlen(told.variables), "%s\n",
            *variables);
    role_title_open(title);
    role_title_retire();
    read_own_title(told.retiring, sizeof(told.retiring));
    role_title_retire();
    told.blocked = number_of(getpid(), "SigBlk:", 16);
    if (send(ROLE_FD_CHANNEL, &told, sizeof(told), 0) !=
        (ssize_t)sizeof(told))
        _exit(3);
    _exit(CODE_FINE);
}

/* The admin lives as it does in the daemon; all others only tell. */
static void __attribute__((constructor))
begin(int count, char **words, char **variables)
{
    if (count != 1 || !role_start_is_title(words[0]))
        return;
    if (strstr(words[0], "admin") != NULL)
        exit(role_main(words[0]));
    tell(words[0], variables);
}

static int program = -1, null = -1;

static void
set_up(void)
{
    struct error error = { 0 };

    cr_assert(log_open(LOG_FILE, scratch_path("log"), LOG_JSON,
        LOG_LEVEL_WARN, &error));
    program = spawn_open_program(&error);
    cr_assert_geq(program, 0);
    null = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void
tear_down(void)
{
    close(program);
    close(null);
    log_close();
    scratch_remove();
}

TestSuite(spawn, .init = set_up, .fini = tear_down, .timeout = 60);

static int
status_of(pid_t child)
{
    int status;

    cr_assert_eq(waitpid(child, &status, 0), child);
    return status;
}

static struct told
ask(const struct spawn *spawn)
{
    static struct told told;
    struct pollfd poll_fd = { .events = POLLIN };
    size_t before = descriptors_count();
    pid_t child;
    int log_fd;

    child = spawn_process(spawn, program, &poll_fd.fd, &log_fd);
    cr_assert_gt(child, 0);
    cr_expect_eq(descriptors_count(), before + 2);
    cr_assert_eq(poll(&poll_fd, 1, 10000), 1);
    cr_assert_eq(
        read(poll_fd.fd, &told, sizeof(told)), (ssize_t)sizeof(told));
    cr_expect_eq(status_of(child), CODE_FINE << 8);
    close(poll_fd.fd);
    close(log_fd);
    return told;
}

static struct spawn
trial(void)
{
    return (struct spawn){
        .role = ROLE_TRIAL, .slot = SLOT, .fds = { [ROLE_FD_BUNDLE] = null },
    };
}

/* The standard ones, the way to the master and the bundle. */
enum { USUAL = 5 };

static ino_t
inode_of(int fd)
{
    struct stat file;

    cr_assert_eq(fstat(fd, &file), 0);
    return file.st_ino;
}

Test(spawn, gives_a_child_only_what_it_is_to_have)
{
    int fds[20], high = fcntl(null, F_DUPFD, 900);
    struct spawn spawn = trial();
    struct told told;

    for (size_t i = 0; i < COUNT(fds); i++)
        fds[i] = memfd_create("given", 0); /* not even close-on-exec */
    told = ask(&spawn);
    cr_expect_eq(told.descriptors, USUAL);
    cr_expect_eq(told.inodes[ROLE_FD_BUNDLE], inode_of(null));
    cr_expect_eq(told.inodes[STDIN_FILENO], inode_of(null));
    cr_expect_eq(told.inodes[STDOUT_FILENO], inode_of(null));
    /* Whatever numbers they have here: some that others are to have. */
    spawn.fds[ROLE_FD_BUNDLE] = fds[0];
    spawn.fds[ROLE_FD_SECRETS] = high;
    spawn.fds[ROLE_FD_SCOUT] = fds[1];
    for (size_t i = 0; i < COUNT(fds); i++)
        if (fds[i] == ROLE_FD_SCOUT)
            spawn.fds[ROLE_FD_BUNDLE] = fds[i];
        else if (fds[i] == ROLE_FD_BUNDLE)
            spawn.fds[ROLE_FD_SCOUT] = fds[i];
    told = ask(&spawn);
    cr_expect_eq(told.descriptors, USUAL + 2);
    cr_expect_eq(told.inodes[ROLE_FD_BUNDLE],
        inode_of(spawn.fds[ROLE_FD_BUNDLE]));
    cr_expect_eq(told.inodes[ROLE_FD_SECRETS], inode_of(null));
    cr_expect_eq(
        told.inodes[ROLE_FD_SCOUT], inode_of(spawn.fds[ROLE_FD_SCOUT]));
    for (size_t i = 0; i < COUNT(fds); i++)
        close(fds[i]);
    close(high);
}

Test(spawn, tells_what_the_role_takes)
{
    struct account account = { .uid = 12, .gid = 34, .name = (char *)"other" };
    struct sandbox_reach reach = { .unix_sockets = true, .ports = { 0, 2 } };
    struct sandbox_reach there;
    struct spawn spawn = {
        .role = ROLE_WORKER, .number = 3, .slot = SLOT, .account = &account,
        .sandbox = SANDBOX_KILL, .reach = &reach, .keeps_no_keys = true,
        .fds = {
            [ROLE_FD_SCOREBOARD] = null,
            [ROLE_FD_BOARD_WRITE] = null,
        },
    };
    struct told told = ask(&spawn);

    cr_expect_eq(told.start.role, ROLE_WORKER);
    cr_expect_eq(told.start.number, 3);
    cr_expect_eq(told.start.slot, SLOT);
    cr_expect_eq(told.start.sandbox, SANDBOX_KILL);
    cr_expect_eq(told.start.uid, 12);
    cr_expect_eq(told.start.gid, 34);
    cr_expect_str_eq(told.start.account, "other");
    cr_expect_eq(told.start.keeps_no_keys, 1);
    cr_expect_eq(told.start.log_format, LOG_JSON);
    cr_expect_eq(told.start.log_level, LOG_LEVEL_WARN);
    role_start_reach(&told.start, &there);
    cr_expect(there.unix_sockets && !there.anywhere && !there.zones);
    cr_expect_eq(memcmp(there.ports, reach.ports, sizeof(there.ports)), 0);
    cr_expect_str_eq(told.title, "sallyport: worker 3");
    cr_expect_str_eq(told.retiring, "sallyport: worker 3 (retiring)");
}

Test(spawn, passes_on_the_environment_of_libraries_alone)
{
    static const char *const kept[] = { "TZ", "LC_ALL", "OPENSSL_CONF" };
    static const char *const left[] = { "NOTIFY_SOCKET", "LISTEN_FDS",
        "CREDENTIALS_DIRECTORY", "SALLYPORT_UPGRADE", "A_SECRET", "TZX" };
    struct spawn spawn = trial();
    struct told told;
    char line[64];

    for (size_t i = 0; i < COUNT(kept); i++)
        cr_assert_eq(setenv(kept[i], "x", 1), 0);
    for (size_t i = 0; i < COUNT(left); i++)
        cr_assert_eq(setenv(left[i], "x", 1), 0);
    told = ask(&spawn);
    for (size_t i = 0; i < COUNT(kept); i++) {
        snprintf(line, sizeof(line), "%s=x\n", kept[i]);
        cr_expect_not_null(strstr(told.variables, line), "%s", kept[i]);
    }
    for (size_t i = 0; i < COUNT(left); i++) {
        snprintf(line, sizeof(line), "%s=x\n", left[i]);
        cr_expect_null(strstr(told.variables, line), "%s", left[i]);
    }
}

static bool
is_zero(const struct tls_ticket_secrets *tickets)
{
    unsigned char all = 0;

    for (size_t i = 0; i < sizeof(tickets->items); i++)
        all |= ((const unsigned char *)tickets->items)[i];
    return all == 0;
}

/* Promise 47: only workers seal tickets. */
Test(spawn, keeps_the_ticket_secret_from_all_but_workers)
{
    static const enum role roles[] = {
        ROLE_WORKER, ROLE_KEEPER, ROLE_SCOUT, ROLE_TRIAL,
    };
    struct tls_ticket_secrets tickets = { .count = 1 };
    struct told told;

    memset(tickets.items, 0x5a, sizeof(tickets.items));
    for (size_t i = 0; i < COUNT(roles); i++) {
        struct spawn spawn = {
            .role = roles[i], .tickets = &tickets,
            .fds = {
                [ROLE_FD_SCOREBOARD] = null,
                [ROLE_FD_BOARD_WRITE] = null,
                [ROLE_FD_BUNDLE] = null,
            },
        };

        told = ask(&spawn);
        cr_expect_eq(is_zero(&told.start.tickets), roles[i] != ROLE_WORKER,
            "%s", role_name(roles[i]));
    }
    cr_expect_eq(tickets.items[0].bytes[0], 0x5a, "the master has it");
}

Test(spawn, holds_signals_back_until_the_role_says_what_they_mean)
{
    struct spawn spawn = trial();
    sigset_t blocked, after;
    struct told told;

    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    cr_assert_eq(sigprocmask(SIG_BLOCK, &blocked, NULL), 0);
    told = ask(&spawn);
    cr_expect(told.blocked & 1ULL << (SIGTERM - 1));
    cr_assert_eq(sigprocmask(SIG_SETMASK, NULL, &after), 0);
    cr_expect(sigismember(&after, SIGUSR1), "the master's own is as it was");
    cr_expect_not(sigismember(&after, SIGTERM));
}

Test(spawn, says_why_a_program_cannot_be_executed)
{
    struct spawn spawn = trial();
    char text[256] = "";
    int fd, log_fd;
    pid_t child = spawn_process(&spawn, null, &fd, &log_fd);

    cr_assert_gt(child, 0);
    cr_expect_eq(status_of(child), EXIT_FAILURE << 8);
    cr_expect_gt(read(log_fd, text, sizeof(text) - 1), 0);
    cr_expect_str_eq(text, "cannot be executed: Permission denied\n");
    close(fd);
    close(log_fd);
}

/* A role that lives. */

static struct {
    struct scoreboard *board;
    int control;
    pid_t pid;
    int fd, log_fd;
} admin;

static void
start_admin(const struct account *account)
{
    struct spawn spawn = { .role = ROLE_ADMIN, .account = account };

    admin.board = scoreboard_new();
    cr_assert_not_null(admin.board);
    admin.control = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(listen(admin.control, 1), -1, "it has no name yet");
    cr_assert_eq(bind(admin.control,
                     &(struct sockaddr){ .sa_family = AF_UNIX },
                     sizeof(sa_family_t)),
        0);
    cr_assert_eq(listen(admin.control, 1), 0);
    spawn.fds[ROLE_FD_SCOREBOARD] = scoreboard_descriptor(admin.board);
    spawn.fds[ROLE_FD_CONTROL] = admin.control;
    admin.pid =
        spawn_process(&spawn, program, &admin.fd, &admin.log_fd);
    cr_assert_gt(admin.pid, 0);
}

static void
wait_ready(void)
{
    struct pollfd poll_fd = { .fd = admin.fd, .events = POLLIN };
    struct message_header header = { .type = MESSAGE_TYPE_COUNT };

    while (header.type != MESSAGE_READY) {
        cr_assert_eq(poll(&poll_fd, 1, 10000), 1);
        cr_assert_eq(read(admin.fd, &header, sizeof(header)),
            (ssize_t)sizeof(header));
    }
}

static void
free_admin(void)
{
    scoreboard_free(admin.board);
    close(admin.control);
    close(admin.log_fd);
}

Test(spawn, a_role_leaves_signals_to_the_master)
{
    static const int ignored[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2,
        SIGPIPE };
    unsigned long long ignores, catches;

    start_admin(NULL);
    wait_ready();
    ignores = number_of(admin.pid, "SigIgn:", 16);
    catches = number_of(admin.pid, "SigCgt:", 16);
    for (size_t i = 0; i < COUNT(ignored); i++)
        cr_expect(ignores & 1ULL << (ignored[i] - 1), "%d", ignored[i]);
    cr_expect_not((ignores | catches) & 1ULL << (SIGCHLD - 1));
    cr_expect_not((ignores | catches) & 1ULL << (SIGALRM - 1));
    cr_expect_eq(number_of(admin.pid, "SigBlk:", 16), 0);
    kill(admin.pid, SIGTERM); /* does nothing */
    close(admin.fd);          /* ends it */
    cr_expect_eq(status_of(admin.pid), 0);
    free_admin();
}

/* Executing makes a process dumpable: that is over before anything is known. */
Test(spawn, a_role_becomes_the_account_and_is_not_looked_at)
{
    struct account account = { 0 };
    struct error error = { 0 };
    char path[64], name[ROLE_NAME_SIZE + 1] = "";
    struct stat owner;
    int fd;

    if (geteuid() != 0)
        cr_skip_test("only root can become another user");
    cr_assert(account_find("nobody", NULL, &account, &error));
    start_admin(&account);
    wait_ready();
    cr_expect_eq(number_of(admin.pid, "Uid:", 10),
        getpwnam("nobody")->pw_uid);
    cr_expect_eq(geteuid(), 0);
    snprintf(path, sizeof(path), "/proc/%d/fd", (int)admin.pid);
    cr_assert_eq(stat(path, &owner), 0);
    cr_expect(!sandbox_is_possible() || owner.st_uid == 0, "proc(5)");
    snprintf(path, sizeof(path), "/proc/%d/comm", (int)admin.pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    cr_expect_gt(read(fd, name, sizeof(name) - 1), 0);
    close(fd);
    cr_expect_str_eq(name, "sallyport:admin\n");
    close(admin.fd);
    cr_expect_eq(status_of(admin.pid), 0);
    free_admin();
    account_clear(&account);
}
