#include "systemd/activation.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/error.h"
#include "base/fd.h"
#include "net/listen_table.h"
#include "net/listener_bind.h"

static bool
is_of_service(const struct listen_socket *held, const void *service)
{
    return held->now.service == *(const uint32_t *)service;
}

static bool
close_service(struct listen_table *sockets, uint32_t service)
{
    return listen_table_close_those(sockets, is_of_service, &service);
}

static struct activation activation;
static struct listen_table sockets;
static struct error error;
static int failures;

TestSuite(activation, .timeout = 30);

/* For processes of our own: what is passed stands where Criterion has its
 * descriptors, so its macros must not be used there. */
#define WANT(condition) want((condition), #condition, __LINE__)

static void
want(bool holds, const char *condition, int line)
{
    if (!holds)
        dprintf(STDERR_FILENO, "%d: %s\n", line, condition);
    failures += !holds;
}

static int
in_child(void (*run)(void))
{
    pid_t pid = fork();
    int status = -1;

    if (pid == 0) {
        run();
        activation_free(&activation);
        listen_table_free(&sockets, true);
        error_clear(&error);
        _exit(failures > 0);
    }
    cr_expect_eq(waitpid(pid, &status, 0), pid);
    return status;
}

/* Puts listening sockets at 3 and up, whatever was there. */
static void
pass(unsigned count, const char *names)
{
    char number[16];

    for (unsigned i = 0; i < count; i++) {
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        struct sockaddr any = { .sa_family = AF_UNIX };

        /* Bound to a name that the kernel chooses (unix(7)). */
        WANT(bind(fd, &any, sizeof(any.sa_family)) == 0);
        WANT(listen(fd, 1) == 0);
        WANT(dup2(fd, 100 + (int)i) == 100 + (int)i);
        close(fd);
    }
    for (unsigned i = 0; i < count; i++) {
        WANT(dup2(100 + (int)i, 3 + (int)i) == 3 + (int)i);
        close(100 + (int)i);
    }
    snprintf(number, sizeof(number), "%u", count);
    setenv("LISTEN_FDS", number, 1);
    snprintf(number, sizeof(number), "%d", (int)getpid());
    setenv("LISTEN_PID", number, 1);
    if (names != NULL)
        setenv("LISTEN_FDNAMES", names, 1);
    else
        unsetenv("LISTEN_FDNAMES");
}

static void
take(void)
{
    static const struct { const char *names; const char *want[3]; } cases[] = {
        { "a:b:c", { "a", "b", "c" } },
        { "a::a", { "a", "", "a" } },
        { NULL, { "unknown", "unknown", "unknown" } },
        { "a:b", { "unknown", "unknown", "unknown" } },
        { "a:b:c:d", { "unknown", "unknown", "unknown" } },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        pass(3, cases[i].names);
        activation_take(&activation);
        WANT(activation.count == 3);
        for (int j = 0; j < 3; j++) {
            WANT(activation.items[j].fd == 3 + j);
            WANT(strcmp(activation.items[j].name, cases[i].want[j]) == 0);
            WANT(fcntl(3 + j, F_GETFD) == FD_CLOEXEC);
            WANT((fcntl(3 + j, F_GETFL) & O_NONBLOCK) != 0);
        }
        WANT(getenv("LISTEN_FDS") == NULL);
        WANT(getenv("LISTEN_PID") == NULL);
        WANT(getenv("LISTEN_FDNAMES") == NULL);
        activation_free(&activation);
    }
}

Test(activation, takes_what_is_passed)
{
    cr_expect_eq(in_child(take), 0);
}

static void
take_nothing(void)
{
    static const struct { const char *pid, *fds; } cases[] = {
        { "1", "1" }, { "", "1" }, { "x", "1" }, { NULL, "1" },
        { "own", "0" }, { "own", "-1" }, { "own", "" }, { "own", NULL },
        { "own", "1x" }, { "own", "99999999999999999999" },
        { "own", "4294967295" },
    };
    char own[16];

    snprintf(own, sizeof(own), "%d", (int)getpid());
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *pid = cases[i].pid;

        unsetenv("LISTEN_PID");
        unsetenv("LISTEN_FDS");
        if (pid != NULL)
            setenv("LISTEN_PID", strcmp(pid, "own") == 0 ? own : pid, 1);
        if (cases[i].fds != NULL)
            setenv("LISTEN_FDS", cases[i].fds, 1);
        activation_take(&activation);
        WANT(activation.count == 0);
        WANT(getenv("LISTEN_FDS") == NULL);
    }
}

Test(activation, takes_nothing_that_is_not_meant)
{
    cr_expect_eq(in_child(take_nothing), 0);
}

static void
lend(void)
{
    pass(3, "web:app:web");
    activation_take(&activation);
    WANT(activation_lend(&activation, &sockets, &error));
    WANT(sockets.count == 3);
    WANT(listen_table_find(&sockets, "systemd:web", 0) != NULL);
    WANT(listen_table_find(&sockets, "systemd:web", 1) != NULL);
    WANT(listen_table_find(&sockets, "systemd:app", 0) != NULL);
    for (size_t i = 0; i < sockets.count; i++) {
        WANT(listen_socket_is_passed(&sockets.items[i]));
        WANT(listen_socket_is_shared(&sockets.items[i]));
        WANT(!(sockets.items[i].serves));
    }
    /* Nothing that happens to others closes them. */
    listen_table_commit(&sockets);
    listen_table_rollback(&sockets);
    WANT(!(close_service(&sockets, 0)));
    WANT(sockets.count == 3);
}

Test(activation, lends_them)
{
    cr_expect_eq(in_child(lend), 0);
}

static void
rest(void)
{
    pass(2, "web:web");
    activation_take(&activation);
    WANT(activation_lend(&activation, &sockets, &error));
    for (size_t i = 0; i < 2; i++) {
        sockets.items[i].wanted = true;
        sockets.items[i].next = (struct socket_use){ .service = 5 };
    }
    listen_table_commit(&sockets);
    WANT(sockets.items[0].serves && sockets.items[1].serves);
    WANT(!(close_service(&sockets, 4)));
    WANT(close_service(&sockets, 5));
    WANT(!(close_service(&sockets, 5)));
    WANT(sockets.count == 2);
    WANT(!(sockets.items[0].serves || sockets.items[1].serves));
}

Test(activation, rests_those_of_a_service)
{
    cr_expect_eq(in_child(rest), 0);
}

static void
judge(void)
{
    int pair[2];

    pass(4, "a:b:c:d");
    WANT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    dup2(pair[0], 4);
    dup2(socket(AF_UNIX, SOCK_DGRAM, 0), 5);
    dup2(open("/dev/null", O_RDONLY), 6);
    activation_take(&activation);
    WANT(!(activation_lend(&activation, &sockets, &error)));
    WANT(error.count == 3);
    WANT(strstr(error.messages[0], "\"b\" is a connection") != NULL);
    WANT(strstr(error.messages[1], "\"c\" is not a stream") != NULL);
    WANT(strstr(error.messages[2], "\"d\" is not a socket") != NULL);
    WANT(sockets.count == 1);
}

Test(activation, says_what_is_wrong_with_each)
{
    cr_expect_eq(in_child(judge), 0);
}
