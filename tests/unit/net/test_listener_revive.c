#include "net/listener_revive.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "base/error.h"
#include "bound.h"
#include "config/config.h"
#include "wire.h"

static struct bound set;
static struct error error;
static struct leg_config leg;
static char path[100];

static void
set_up(void)
{
    set = (struct bound){ 0 };
    error = (struct error){ 0 };
    leg = (struct leg_config){ .backlog = 16, .mode = 0640 };
    snprintf(path, sizeof(path), "/tmp/revive-%d", (int)getpid());
}

static void
tear_down(void)
{
    bound_close(&set);
    error_clear(&error);
    unlink(path);
}

TestSuite(listener_revive, .init = set_up, .fini = tear_down);

static bool
is_dead(int fd)
{
    bool dead;

    cr_assert(listener_find_dead(&fd, 1, &dead));
    return dead;
}

/* What another process does to the socket that both have. */
static void
end_socket(int fd, bool disconnects)
{
    static const struct sockaddr nowhere = { .sa_family = AF_UNSPEC };
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    cr_assert_eq(disconnects ? connect(copy, &nowhere, sizeof(nowhere))
                             : shutdown(copy, SHUT_RD), 0);
    close(copy);
}

static bool
lets_in(int fd)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);
    int client, accepted;

    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    client = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(client, (struct sockaddr *)&address, length) < 0) {
        close(client);
        return false;
    }
    cr_assert_eq(
        poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 10000), 1);
    accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    close(accepted);
    close(client);
    return accepted >= 0;
}

/* Promise 46 */
Test(listener_revive, has_a_tcp_socket_listen_again)
{
    for (int disconnects = 0; disconnects < 2; disconnects++) {
        struct listener_socket *socket;
        int shared;

        cr_assert(bound_inet(
            &set, "127.0.0.1", wire_free_port(), &leg, &error));
        socket = &set.sockets[set.count - 1];
        shared = fcntl(socket->fd, F_DUPFD_CLOEXEC, 0);
        cr_expect_not(is_dead(socket->fd));
        end_socket(socket->fd, disconnects);
        cr_expect(is_dead(socket->fd));
        cr_assert(listener_revive(socket, &leg, &error));
        cr_expect_not(error_any(&error));
        cr_expect_not(is_dead(socket->fd));
        cr_expect(lets_in(socket->fd));
        cr_expect(lets_in(shared), "for all who have it");
        close(shared);
    }
}

/* Promise 46 */
Test(listener_revive, binds_a_unix_path_anew)
{
    struct listener_socket *socket = &set.sockets[0];
    struct stat file;
    int number, flags;

    cr_assert(bound_unix(&set, path, &leg, &error));
    number = socket->fd;
    end_socket(socket->fd, false);
    cr_expect(is_dead(socket->fd));
    cr_assert(listener_revive(socket, &leg, &error));
    cr_expect_eq(socket->fd, number);
    cr_expect_not(is_dead(socket->fd));
    cr_expect(lets_in(socket->fd));
    cr_assert_eq(lstat(path, &file), 0);
    cr_expect_eq(file.st_ino, socket->inode, "removed at the end");
    cr_expect_eq(file.st_mode & 07777, 0640);
    flags = fcntl(socket->fd, F_GETFL);
    cr_expect((flags & O_NONBLOCK) != 0);
    cr_expect_eq(fcntl(socket->fd, F_GETFD), FD_CLOEXEC);
}

Test(listener_revive, leaves_a_path_that_another_program_has_taken)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    struct stat before, after;
    int other = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    cr_assert(bound_unix(&set, path, &leg, &error));
    end_socket(set.sockets[0].fd, false);
    cr_assert_eq(unlink(path), 0);
    strcpy(name.sun_path, path);
    cr_assert_eq(bind(other, (struct sockaddr *)&name, sizeof(name)), 0);
    cr_assert_eq(lstat(path, &before), 0);
    cr_expect_not(listener_revive(&set.sockets[0], &leg, &error));
    cr_expect(error_any(&error));
    cr_assert_eq(lstat(path, &after), 0);
    cr_expect_eq(before.st_ino, after.st_ino);
    close(other);
}

/* Its name is free again when the other processes have closed the dead one. */
Test(listener_revive, waits_for_an_abstract_name)
{
    char name[110];
    int copy;

    snprintf(name, sizeof(name), "@revive-%d", (int)getpid());
    cr_assert(bound_unix(&set, name, &leg, &error));
    copy = fcntl(set.sockets[0].fd, F_DUPFD_CLOEXEC, 0);
    end_socket(copy, false);
    cr_expect_not(listener_revive(&set.sockets[0], &leg, &error));
    error_clear(&error);
    close(copy);
    cr_expect(listener_revive(&set.sockets[0], &leg, &error));
    cr_expect(lets_in(set.sockets[0].fd));
}

/* O_NONBLOCK is gone for all processes with the socket as soon as one clears
 * it.  Promise 46. */
Test(listener_revive, has_no_socket_that_can_be_made_to_wait, .timeout = 20)
{
    char byte;
    int fd, client, accepted;
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);

    cr_assert(bound_inet(&set, "127.0.0.1", wire_free_port(), &leg, &error));
    cr_assert(bound_unix(&set, path, &leg, &error));
    for (size_t i = 0; i < set.count; i++) {
        fd = set.sockets[i].fd;
        cr_assert_eq(fcntl(fd, F_SETFL, O_RDWR), 0);
        cr_expect_lt(accept4(fd, NULL, NULL, SOCK_CLOEXEC), 0);
        cr_expect_eq(errno, EAGAIN);
    }
    fd = set.sockets[0].fd;
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(connect(client, (struct sockaddr *)&address, length), 0);
    do
        accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    while (accepted < 0);
    cr_expect_lt(recv(accepted, &byte, 1, 0), 0);
    cr_expect_eq(errno, EAGAIN, "inherited");
    close(accepted);
    close(client);
}
