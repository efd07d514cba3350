/* The sockets of one address, several or one, and what is there already. */
#include "net/listener_bind.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/address.h"
#include "base/descriptors.h"
#include "base/error.h"
#include "base/scratch.h"
#include "bound.h"
#include "config/config.h"
#include "wire.h"

enum { WORKERS = 3 };

static struct bound set;
static struct error error;
static struct leg_config leg;
static char path[100];

static void
set_up(void)
{
    leg = (struct leg_config){ .backlog = 16, .mode = 0660 };
    set.each = WORKERS;
    snprintf(path, sizeof(path), "%s", scratch_path("socket"));
}

static void
tear_down(void)
{
    bound_close(&set);
    error_clear(&error);
    scratch_remove();
}

TestSuite(
    listener_bind_group, .init = set_up, .fini = tear_down, .timeout = 30);

static bool
open_inet(const char *host, uint16_t port)
{
    return bound_inet(&set, host, port, &leg, &error);
}

static bool
says(const char *words)
{
    return error.count > 0 &&
        strstr(error.messages[error.count - 1], words) != NULL;
}

/* A socket as a stranger makes it; returns the errno of bind or listen, and in
 * `*fd` the socket if there is none. */
static int
stranger(const char *host, uint16_t port, bool reuse_port, int *fd)
{
    static const int on = 1;
    struct address address;
    int code = 0;

    cr_assert(address_from_numeric(&address, host, port));
    *fd = socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (reuse_port)
        setsockopt(*fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    if (bind(*fd, (struct sockaddr *)&address.storage, address.length) < 0 ||
        listen(*fd, 1) < 0) {
        code = errno;
        close(*fd);
        *fd = -1;
    }
    return code;
}

static const char *const hosts[] = { "127.0.0.1", "::1" };

/* Dials until each socket of the set has had a client. */
static void
expect_all_serve(const char *host, uint16_t port)
{
    struct address address;
    bool served[BOUND_MOST] = { false };
    size_t left = set.count;

    cr_assert(address_from_numeric(&address, host, port));
    for (int i = 0; i < 1000 && left > 0; i++) {
        int fd = socket(address.storage.ss_family, SOCK_STREAM, 0), got;

        cr_assert_eq(connect(fd, (struct sockaddr *)&address.storage,
            address.length), 0);
        for (size_t j = 0; j < set.count; j++) {
            got = accept4(set.sockets[j].fd, NULL, NULL, SOCK_CLOEXEC);
            if (got < 0)
                continue;
            left -= served[j] ? 0 : 1;
            served[j] = true;
            close(got);
        }
        close(fd);
    }
    cr_expect_eq(left, 0);
}

Test(listener_bind_group, has_one_socket_for_each_worker)
{
    for (size_t i = 0; i < COUNT(hosts); i++) {
        uint16_t port = wire_free_port();

        cr_assert(open_inet(hosts[i], port));
        cr_assert_eq(set.count, WORKERS);
        for (unsigned j = 0; j < WORKERS; j++) {
            cr_expect_eq(set.sockets[j].index, j);
            cr_expect_str_eq(set.sockets[j].text, set.sockets[0].text);
            cr_expect_null(set.sockets[j].path);
            cr_expect(fcntl(set.sockets[j].fd, F_GETFL) & O_NONBLOCK);
            cr_expect(fcntl(set.sockets[j].fd, F_GETFD) & FD_CLOEXEC);
        }
        expect_all_serve(hosts[i], port);
        bound_close(&set);
    }
}

Test(listener_bind_group, of_any_address_is_one_for_each_family)
{
    cr_assert(open_inet(NULL, wire_free_port()));
    cr_expect_eq(set.count, 2 * WORKERS);
}

Test(listener_bind_group, of_a_unix_path_is_one_socket)
{
    char name[64];

    cr_assert(bound_unix(&set, path, &leg, &error));
    cr_expect_eq(set.count, 1);
    snprintf(name, sizeof(name), "@sallyport-test-%d", (int)getpid());
    cr_assert(bound_unix(&set, name, &leg, &error));
    cr_expect_eq(set.count, 2);
}

/* Whatever the stranger allows, whichever of the two was first. */
Test(listener_bind_group, finds_an_address_that_is_taken)
{
    for (int reuse_port = 0; reuse_port < 2; reuse_port++) {
        for (size_t i = 0; i < COUNT(hosts); i++) {
            uint16_t port = wire_free_port();
            int fd;

            cr_assert_eq(stranger(hosts[i], port, reuse_port, &fd), 0);
            cr_expect_not(open_inet(hosts[i], port));
            cr_expect(says("Address already in use"));
            cr_expect_not(open_inet(NULL, port), "beside it");
            bound_close(&set); /* of the other family */
            close(fd);
            cr_expect(open_inet(hosts[i], port), "now it is free");
            bound_close(&set);
        }
    }
}

/* Each socket of a group must let the next one join, and the kernel cannot tell
 * a stranger of the same user from it: a socket with SO_REUSEPORT is let in. */
Test(listener_bind_group, keeps_out_who_does_not_ask_to_share)
{
    uint16_t port = wire_free_port();
    int fd;

    cr_assert(open_inet("127.0.0.1", port));
    cr_expect_eq(stranger("127.0.0.1", port, false, &fd), EADDRINUSE);
    cr_expect_eq(stranger("0.0.0.0", port, false, &fd), EADDRINUSE);
    cr_expect_eq(stranger("127.0.0.2", port, false, &fd), 0, "another one");
    close(fd);
    cr_expect_eq(stranger("127.0.0.1", port, true, &fd), 0);
    close(fd);
}

static int
knock_as_nobody(uint16_t port)
{
    const struct passwd *nobody = getpwnam("nobody");
    int fd;

    if (nobody == NULL || setuid(nobody->pw_uid) < 0)
        return 0;
    return stranger("127.0.0.1", port, true, &fd);
}

Test(listener_bind_group, keeps_out_other_users)
{
    uint16_t port = wire_free_port();
    int status;
    pid_t child;

    if (geteuid() != 0)
        cr_skip_test("only root can become another user");
    cr_assert(open_inet("127.0.0.1", port));
    child = fork();
    if (child == 0)
        _exit(knock_as_nobody(port));
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status));
    cr_expect_eq(WEXITSTATUS(status), EADDRINUSE);
}

Test(listener_bind_group, another_daemon_of_the_same_user_is_a_stranger)
{
    struct bound other = { .each = WORKERS };
    uint16_t port = wire_free_port();

    cr_assert(open_inet("127.0.0.1", port));
    cr_expect_not(bound_inet(&other, "127.0.0.1", port, &leg, &error));
    cr_expect_not(bound_inet(&other, NULL, port, &leg, &error));
    cr_expect(says("Address already in use"));
    bound_close(&other);
}

Test(listener_bind_group, grows_and_does_not_bind_again)
{
    uint16_t port = wire_free_port();
    int fds[WORKERS];

    set.each = 1;
    cr_assert(open_inet("127.0.0.1", port));
    cr_assert_eq(set.count, 1);
    set.each = WORKERS;
    fds[0] = set.sockets[0].fd;
    cr_assert(open_inet("127.0.0.1", port));
    cr_assert_eq(set.count, WORKERS);
    for (size_t i = 0; i < WORKERS; i++)
        fds[i] = set.sockets[i].fd;
    expect_all_serve("127.0.0.1", port);
    cr_assert(open_inet("127.0.0.1", port), "all is there");
    set.each = 1;
    cr_assert(open_inet("127.0.0.1", port), "more than all");
    cr_assert_eq(set.count, WORKERS);
    for (size_t i = 0; i < WORKERS; i++)
        cr_expect_eq(set.sockets[i].fd, fds[i]);
}

Test(listener_bind_group, does_not_bind_a_unix_path_again)
{
    struct stat before, after;

    cr_assert(bound_unix(&set, path, &leg, &error));
    cr_assert_eq(lstat(path, &before), 0);
    cr_assert(bound_unix(&set, path, &leg, &error));
    cr_assert_eq(lstat(path, &after), 0);
    cr_expect_eq(set.count, 1);
    cr_expect_eq(before.st_ino, after.st_ino);
}

/* As a reload does, from an address to all of them or back. */
Test(listener_bind_group, may_overlap_its_own)
{
    static const struct { const char *first, *second; } cases[] = {
        { "127.0.0.1", NULL }, { NULL, "127.0.0.1" }, { NULL, "::1" },
        { "::1", NULL }, { "0.0.0.0", "127.0.0.1" },
    };

    for (size_t i = 0; i < COUNT(cases); i++) {
        uint16_t port = wire_free_port();
        size_t count;

        cr_assert(open_inet(cases[i].first, port));
        count = set.count;
        cr_expect_not(open_inet(cases[i].second, port));
        while (set.count > count)
            listener_socket_close(&set.sockets[--set.count]);
        set.own_port = port;
        cr_expect(open_inet(cases[i].second, port), "case %zu", i);
        cr_expect_gt(set.count, count);
        set.own_port = 0;
        bound_close(&set);
    }
}

Test(listener_bind_group, refuses_what_another_line_has)
{
    set.refuses = true;
    cr_expect_not(open_inet("127.0.0.1", wire_free_port()));
    cr_expect(says("x.ini:7: [service web] listen: HOST:PORT: cannot bind: "
        "Address already in use"));
    cr_expect(says("another listen line has this address"));
    cr_expect_not(bound_unix(&set, path, &leg, &error));
    cr_expect(says("another listen line has this address"));
    cr_expect_eq(error.count, 2);
    cr_expect_eq(set.count, 0);
    cr_expect_lt(access(path, F_OK), 0);
}

static int
option(int fd, int level, int name)
{
    int value = -1;
    socklen_t length = sizeof(value);

    cr_assert_eq(getsockopt(fd, level, name, &value, &length), 0);
    return value;
}

/* Of a listening socket: its backlog. */
static unsigned
backlog_of(int fd)
{
    struct tcp_info info = { 0 };
    socklen_t length = sizeof(info);

    cr_assert_eq(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
    return info.tcpi_sacked;
}

static void
expect_options(int fd)
{
    const struct keepalive *keepalive = &leg.keepalive;

    cr_expect_eq(option(fd, SOL_SOCKET, SO_KEEPALIVE), keepalive->on);
    if (keepalive->on) {
        cr_expect_eq(option(fd, IPPROTO_TCP, TCP_KEEPIDLE),
            (int)keepalive->idle_s);
        cr_expect_eq(option(fd, IPPROTO_TCP, TCP_KEEPINTVL),
            (int)keepalive->interval_s);
        cr_expect_eq(option(fd, IPPROTO_TCP, TCP_KEEPCNT),
            (int)keepalive->count);
    }
    cr_expect_eq(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT),
        (int)leg.user_timeout_ms);
    cr_expect_eq(backlog_of(fd), leg.backlog);
}

Test(listener_bind_group, refreshes_what_is_there)
{
    static const struct leg_config legs[] = {
        { .backlog = 16 },
        { .backlog = 32, .keepalive = { true, 30, 10, 3 } },
        { .backlog = 8, .keepalive = { true, 60, 20, 5 },
          .user_timeout_ms = 5000 },
        { .backlog = 64, .user_timeout_ms = 9000 },
        { .backlog = 16 }, /* and back to what it was */
    };
    uint16_t port = wire_free_port();

    for (size_t i = 0; i < COUNT(legs); i++) {
        leg = legs[i];
        cr_assert(open_inet("127.0.0.1", port));
        for (size_t j = 0; j < WORKERS; j++)
            listener_refresh(&set.sockets[j], &leg, &error);
        cr_assert_not(error_any(&error));
        cr_assert_eq(set.count, WORKERS);
        for (size_t j = 0; j < WORKERS; j++)
            expect_options(set.sockets[j].fd);
    }
}

Test(listener_bind_group, changes_nothing_before_that)
{
    uint16_t port = wire_free_port();
    struct stat file;

    cr_assert(open_inet("127.0.0.1", port));
    cr_assert(bound_unix(&set, path, &leg, &error));
    leg = (struct leg_config){ .backlog = 99, .mode = 0600,
        .keepalive = { true, 30, 10, 3 } };
    cr_assert(open_inet("127.0.0.1", port));
    cr_assert(bound_unix(&set, path, &leg, &error));
    cr_expect_eq(backlog_of(set.sockets[0].fd), 16);
    cr_expect_eq(option(set.sockets[0].fd, SOL_SOCKET, SO_KEEPALIVE), 0);
    cr_assert_eq(lstat(path, &file), 0);
    cr_expect_eq(file.st_mode & 07777, 0660);
}

Test(listener_bind_group, refreshes_mode_and_owner)
{
    const struct passwd *user = getuid() == 0 ? getpwnam("nobody")
                                              : getpwuid(getuid());
    struct stat file;

    cr_assert_not_null(user);
    cr_assert(bound_unix(&set, path, &leg, &error));
    leg.mode = 0604;
    leg.owner = user->pw_name;
    listener_refresh(&set.sockets[0], &leg, &error);
    cr_assert_not(error_any(&error));
    cr_assert_eq(lstat(path, &file), 0);
    cr_expect_eq(file.st_mode & 07777, 0604);
    cr_expect_eq(file.st_uid, user->pw_uid);
    leg.owner = (char *)"no-such-user";
    cr_expect_not(bound_unix(&set, path, &leg, &error));
    cr_expect(says("listen.owner"));
    cr_expect_eq(set.count, 1);
    cr_expect_eq(access(path, F_OK), 0);
}

/* Any user that may write in the folder could have put it there. */
Test(listener_bind_group, follows_no_link_in_the_place_of_a_path)
{
    char other[300];
    struct stat file;
    int fd;

    snprintf(other, sizeof(other), "%s.other", path);
    fd = open(other, O_WRONLY | O_CREAT | O_EXCL, 0600);
    cr_assert_geq(fd, 0);
    close(fd);
    cr_assert(bound_unix(&set, path, &leg, &error));
    cr_assert_eq(unlink(path), 0);
    listener_refresh(&set.sockets[0], &leg, &error);
    cr_expect_not(error_any(&error), "a path that is gone is left alone");
    cr_assert_eq(symlink(other, path), 0);
    leg.mode = 0666;
    listener_refresh(&set.sockets[0], &leg, &error);
    cr_expect_not(error_any(&error));
    cr_assert_eq(lstat(other, &file), 0);
    cr_expect_eq(file.st_mode & 07777, 0600);
    unlink(path);
    unlink(other);
}

/* Wherever it fails: the store has no room, a stranger has the address,
 * the path cannot be given away. */
Test(listener_bind_group, leaves_nothing_behind_when_it_fails)
{
    size_t before = descriptors_count();
    uint16_t port = wire_free_port();
    int fd;

    for (unsigned room = 0; room < WORKERS; room++) {
        set.room = room;
        set.is_limited = true;
        cr_expect_not(open_inet("127.0.0.1", port));
        cr_expect_eq(set.count, room);
        cr_expect_eq(descriptors_count(), before + room);
        bound_close(&set);
    }
    set.room = 0;
    cr_expect_not(bound_unix(&set, path, &leg, &error));
    cr_expect_lt(access(path, F_OK), 0);
    set.is_limited = false;
    leg.owner = (char *)"no-such-user";
    cr_expect_not(bound_unix(&set, path, &leg, &error));
    cr_expect_lt(access(path, F_OK), 0);
    cr_assert_eq(stranger("127.0.0.1", port, false, &fd), 0, "all is free");
    cr_expect_not(open_inet("127.0.0.1", port));
    close(fd);
    cr_expect_eq(descriptors_count(), before);
}

Test(listener_bind_group, leaves_a_path_to_who_serves_it_now)
{
    cr_assert(bound_unix(&set, path, &leg, &error));
    listener_socket_leave(&set.sockets[--set.count]);
    cr_expect_eq(access(path, F_OK), 0);
}
